"""Files on their way from where they lie into the store. Nothing here knows of Dagster or SQL."""
