"""How Dagster is run, stored and asked: the only folder that may use its private names."""
