"""`saft active` and `saft cancel`: the runs that wait or work, and ending one."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saft_pipeline.cli.output import AsJson, print_json, print_line, say
from saft_pipeline.settings import load

if TYPE_CHECKING:
    import dagster as dg


def active(
    as_json: AsJson = False,
) -> None:
    """Show the runs that wait or work."""
    from saft_pipeline.dagster_runtime import runs
    from saft_pipeline.dagster_runtime.instance import open_instance
    from saft_pipeline.dagster_runtime.location import find_location

    settings = load()
    with open_instance(settings) as instance:
        location = find_location(instance, settings)
        found = [
            _row(record, runs.number_of_files(record.dagster_run))
            for record in runs.unfinished(instance, location)
        ]
    if as_json:
        print_json(found)
        return
    say(f"{len(found)} runs under way" if found else "nothing is under way")
    for row in found:
        print_line(" ".join(str(v) for v in row.values() if v is not None))


def _row(record: dg.RunRecord, files: int) -> dict[str, Any]:
    run = record.dagster_run
    since = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None
    return {
        "run": run.run_id,
        "status": run.status.value.lower(),
        "files": files,
        "since": (since or record.create_timestamp).isoformat(timespec="seconds"),
        "partition": run.tags.get("dagster/partition"),
    }


def cancel(run: Annotated[str, typer.Argument(help="A run, as `saft active` names it.")]) -> None:
    """End a run; files that it did not load become failed."""
    settings = load()
    from saft_pipeline.dagster_runtime import runs
    from saft_pipeline.dagster_runtime.instance import open_instance
    from saft_pipeline.dagster_runtime.location import find_location
    from saft_pipeline.store.opening import open_store

    with closing(open_store(settings)) as store, open_instance(settings) as instance:
        location = find_location(instance, settings)
        say(runs.cancel(instance, location, store, run))
