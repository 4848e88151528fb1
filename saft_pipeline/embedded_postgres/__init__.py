"""A Postgres of our own, for who brings none. It knows of no table of ours."""
