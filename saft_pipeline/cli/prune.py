"""`saft prune`: Dagster's history and the artifacts, without what is older than it is useful."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from saft_pipeline.cli.output import AsJson, CannotRunError, finish
from saft_pipeline.durations import parse_duration
from saft_pipeline.settings import Settings, load


def prune(
    older_than: Annotated[
        str | None, typer.Option(help="An age, such as 24h or 30d; if not given, PRUNE_AFTER.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete old history and artifacts; the ledger and the rows stay."""
    settings = load()
    before = datetime.now(UTC) - _age(older_than, settings)
    from saft_pipeline.dagster_runtime import retention
    from saft_pipeline.dagster_runtime.instance import open_instance
    from saft_pipeline.store.opening import open_watch

    with closing(open_watch(settings)) as watch, open_instance(settings) as instance:
        pruned = retention.prune(instance, watch, settings, before, dry_run=dry_run)
    document = {"dry_run": dry_run, "before": before.isoformat(timespec="seconds")}
    sentence = f"{'would delete' if dry_run else 'deleted'}: {pruned.summary()}"
    finish({**document, **asdict(pruned)}, sentence, as_json=as_json, failed=False)


def _age(older_than: str | None, settings: Settings) -> timedelta:
    if older_than is None:
        return settings.prune_after
    try:
        return parse_duration(older_than)
    except ValueError as error:
        raise CannotRunError(f"--older-than {older_than}: must be {error}") from None
