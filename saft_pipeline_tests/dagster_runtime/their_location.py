"""A code location of another team: what it has is called as ours is, wherever that is allowed."""

from __future__ import annotations

import dagster as dg


@dg.asset
def their_asset() -> None:
    """An asset of theirs."""


@dg.op
def fail() -> None:
    """Fail, for reasons of their own."""
    raise ValueError("a secret of theirs")


@dg.job(name="load_files_job")
def their_job() -> None:
    """A job that is called like ours."""
    fail()


@dg.sensor(job=their_job, default_status=dg.DefaultSensorStatus.RUNNING)
def sftp_folder() -> dg.SkipReason:
    """A sensor that is called like the one that is looked for to find ours."""
    return dg.SkipReason("nothing to do")


@dg.sensor(job=their_job, default_status=dg.DefaultSensorStatus.RUNNING)
def alerts() -> dg.SkipReason:
    """A sensor that is called like ours."""
    return dg.SkipReason("nothing to do")


defs = dg.Definitions(assets=[their_asset], jobs=[their_job], sensors=[alerts, sftp_folder])
