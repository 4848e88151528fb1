"""The asset check of the SFTP folder: whether all of its files are in the tables.

Evaluated at every look at the folder, from the ledger, and whenever somebody executes it. A file
that is still being uploaded is no finding until `INCOMPLETE_AFTER`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import dagster as dg

from saft_pipeline.defs.file_checks import FindingRow, table
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.read import MOST_FINDINGS
from saft_pipeline.settings import Settings
from saft_pipeline.store.model import Backlog
from saft_pipeline.store.store import Store

CHECK = "files_loaded"
_NOT_LOADED = ("failed", "unreadable", "gone")


def build_folder_check(folder: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The check, of the folder's asset."""

    @dg.asset_check(
        asset=folder,
        name=CHECK,
        description="Every file of the folder is in the tables, waits for its turn, or is still "
        "being uploaded: none failed, vanished, is unreadable or stays without its end.",
    )
    def files_loaded(saft: Pipeline) -> dg.AssetCheckResult:
        store, settings = saft.store, saft.settings
        counts: Counter[str] = Counter()
        backlogs = []
        for each in settings.sources:
            counts.update(store.counts(each.source))
            backlogs.append(store.backlog(each.source, settings.incomplete_after))
        stale = sum(backlog.stale_incomplete for backlog in backlogs)
        paths = [path for backlog in backlogs for path in backlog.stale_paths]
        found = evaluation(store, settings, counts, Backlog(None, stale, paths), folder)
        return dg.AssetCheckResult(
            passed=found.passed,
            metadata=found.metadata,
            severity=found.severity,
            description=found.description,
        )

    return files_loaded


def evaluation(
    store: Store,
    settings: Settings,
    counts: Mapping[str, int],
    backlog: Backlog,
    folder: dg.AssetKey,
) -> dg.AssetCheckEvaluation:
    """The same for figures of the ledger that are known already."""
    findings = {state: count for state in _NOT_LOADED if (count := counts.get(state, 0))}
    if backlog.stale_incomplete:
        findings["incomplete"] = backlog.stale_incomplete
    words = ", ".join(f"{count:,} {state}" for state, count in findings.items())
    lost = sum(findings.values())
    metadata: dict[str, dg.TableMetadataValue | int] = {"findings": lost}
    if findings:
        metadata["first findings"] = table(list(_first(store, settings, findings, backlog)))
    return dg.AssetCheckEvaluation(
        asset_key=folder,
        check_name=CHECK,
        passed=not findings,
        metadata=metadata,
        severity=_severity(lost, counts),
        description=f"{words}; `saft status` has them all" if findings else "nothing found",
    )


def _severity(lost: int, counts: Mapping[str, int]) -> dg.AssetCheckSeverity:
    """An error, which paints the folder red, only where more is lost than loaded."""
    most = lost > counts.get("loaded", 0)
    return dg.AssetCheckSeverity.ERROR if most else dg.AssetCheckSeverity.WARN


def _first(
    store: Store, settings: Settings, findings: Mapping[str, int], backlog: Backlog
) -> Iterator[tuple[str, FindingRow]]:
    left = MOST_FINDINGS
    for state in (state for state in _NOT_LOADED if state in findings and left):
        files = [
            file
            for each in settings.sources
            for file in store.files(source=each.source, state=state, limit=left)
        ][:left]
        left -= len(files)
        for file in files:
            reason = (file.error or "").removeprefix(f"{file.path}:").strip()
            yield file.path, FindingRow("error", None, None, "loaded", f"{state}: {reason}")
    for path in backlog.stale_paths[:left]:
        yield path, FindingRow("error", None, None, "loaded", "incomplete: its end is missing")
