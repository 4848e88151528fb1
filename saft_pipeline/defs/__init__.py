"""What Dagster shows: assets, checks, sensors, jobs, schedules, and the metadata on them.

Decorators, specs and metadata only: no private name of Dagster, no SQL, no SFTP, no parsing."""
