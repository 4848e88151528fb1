"""Files on their way from where they lie into the store. Nothing here knows of Dagster or SQL.

A look at a source (`looks`, `rounds`, `poll`) ends in claims; a run's `loader` fetches, reads
(`read`) and publishes them, and says there what a file has become: loaded, failed, incomplete.
"""
