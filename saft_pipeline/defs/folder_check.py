"""The asset check of the SFTP folder: whether all of its files are in the tables.

Evaluated at every look at the folder, from the ledger, and whenever somebody executes it. A file
that is still being uploaded is not amiss until `INCOMPLETE_AFTER`.
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from saft_pipeline.dagster_runtime.names import FOLDER
from saft_pipeline.defs.file_checks import Row, table
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.read import MOST_FINDINGS
from saft_pipeline.store.model import Backlog
from saft_pipeline.store.store import Store

CHECK = "files_loaded"
_AMISS = ("failed", "unreadable", "gone")


@dg.asset_check(
    asset=FOLDER,
    name=CHECK,
    description="Every file of the folder is in the tables, waits for its turn, or is still being "
    "uploaded: none failed, vanished, is unreadable or stays without its end.",
)
def files_loaded(pipeline: Pipeline) -> dg.AssetCheckResult:
    """What the ledger says now."""
    store, settings = pipeline.store, pipeline.settings
    backlog = store.backlog(settings.source, settings.incomplete_after)
    found = evaluation(store, settings.source, store.counts(settings.source), backlog)
    return dg.AssetCheckResult(
        passed=found.passed,
        metadata=found.metadata,
        severity=found.severity,
        description=found.description,
    )


def evaluation(
    store: Store, source: str, counts: Mapping[str, int], backlog: Backlog
) -> dg.AssetCheckEvaluation:
    """The same for figures of the ledger that are known already."""
    amiss = {state: count for state in _AMISS if (count := counts.get(state, 0))}
    if backlog.stale_incomplete:
        amiss["incomplete"] = backlog.stale_incomplete
    words = ", ".join(f"{count:,} {state}" for state, count in amiss.items())
    metadata: dict[str, dg.TableMetadataValue | int] = {"findings": sum(amiss.values())}
    if amiss:
        metadata["first findings"] = table(list(_first(store, source, amiss, backlog)))
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(FOLDER),
        check_name=CHECK,
        passed=not amiss,
        metadata=metadata,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{words}; `saft status` has them all" if amiss else "nothing found",
    )


def _first(
    store: Store, source: str, amiss: Mapping[str, int], backlog: Backlog
) -> Iterator[tuple[str, Row]]:
    left = MOST_FINDINGS
    for state in (state for state in _AMISS if state in amiss and left):
        files = store.files(source=source, state=state, limit=left)
        left -= len(files)
        for file in files:
            reason = (file.error or "").removeprefix(f"{file.path}:").strip()
            yield file.path, Row("error", None, None, "loaded", f"{state}: {reason}")
    for path in backlog.stale_paths[:left]:
        yield path, Row("error", None, None, "loaded", "incomplete: its end is missing")
