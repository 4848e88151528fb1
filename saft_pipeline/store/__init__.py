"""Tables, ledger and publishing, over Postgres. Knows nothing of Dagster."""
