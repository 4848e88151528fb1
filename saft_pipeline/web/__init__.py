"""The HTTP API, and the pages for people: status, files, reports, and the login before them.

The old program's endpoints keep their shapes; newer ones are beside them.

It launches and reads runs through Dagster's instance and asks the ledger; it loads nothing itself.
"""
