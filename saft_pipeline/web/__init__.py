"""The HTTP API: the old program's endpoints in their shapes, and newer ones beside them.

It launches and reads runs through Dagster's instance and asks the ledger; it loads nothing itself.
"""
