"""The asset checks of a file: what each looks at, and what Dagster is told that it found.

They are evaluated from what reading and publishing found, never over the data again. A run over
many files tells of each check once, for all its files, and besides of the files that it found
something in; a run of one file tells of all. None stops a run: see `BLOCK_ON`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import dagster as dg

from saft_pipeline.dagster_runtime.names import LINKS
from saft_pipeline.dagster_runtime.step_outputs import failed_checks
from saft_pipeline.loading.file_load import Load
from saft_pipeline.loading.read import MOST_FINDINGS
from saft_pipeline.saft.rules import checks as of_reading
from saft_pipeline.saft.rules.findings import Findings
from saft_pipeline.saft.rules.registry import READING, RULES, Severity
from saft_pipeline.visible import visible

CONFLICT = "conflict"
ROWS = "row_counts"
DOCUMENTS = "documents"

# Whose check it is; all others are of `invoices`.
_ASSETS = {
    "invoice_files": ("reading", "header", "control_totals", DOCUMENTS, ROWS),
    "customers": ("nif", "master_files"),
    "invoice_lines": ("line_totals", "line_amounts", "tax_rates", "tax_exemptions"),
}
DESCRIPTIONS = {
    **{check.name: check.description for check in of_reading.CHECKS},
    CONFLICT: "No two documents bear one number: the same one has one date and one signature.",
    DOCUMENTS: "It holds documents. Of a file without any, such as an export of accounts alone, "
    "nothing came into the tables.",
    ROWS: "The tables got as many customers, invoices and lines as are in the file.",
}
_ASSET_OF = dict.fromkeys(DESCRIPTIONS, "invoices") | {
    name: asset for asset, names in _ASSETS.items() for name in names
}
SPECS = [
    dg.AssetCheckSpec(name, asset=asset, description=DESCRIPTIONS[name])
    for name, asset in _ASSET_OF.items()
]
_COLUMNS = ("file", "line", "document", "expected", "found", "severity")
_SCHEMA = dg.TableSchema([dg.TableColumn(name) for name in _COLUMNS])


class FindingRow(NamedTuple):
    """A finding of any check, those of the rules among them; `line` is that in the file."""

    severity: Severity
    line: int | None
    document: str | None
    expected: str | None
    found: str | None


class CheckFindings(NamedTuple):
    """How much a check found in a file, and the first of it."""

    findings: int
    first: Sequence[FindingRow]


def findings_by_check(load: Load) -> dict[str, CheckFindings]:
    """What checks found in a file; those that found nothing are left out."""
    found: dict[str, CheckFindings] = {}
    if load.same_as is not None:
        found.update(_findings_before(load))
    elif (findings := _findings(load)) and findings.counts:
        for check in of_reading.CHECKS:
            if count := of_reading.count_of(check, findings):
                first = of_reading.first(check, findings)[:MOST_FINDINGS]
                found[check.name] = CheckFindings(
                    count, [FindingRow(*finding[1:]) for finding in first]
                )
    if conflicts := [_conflict(w) for w in _warnings(load) if w["code"] == CONFLICT]:
        found[CONFLICT] = CheckFindings(len(conflicts), conflicts[:MOST_FINDINGS])
    if differing := list(_differing(load)):
        found[ROWS] = CheckFindings(len(differing), differing)
    if load.loaded and load.outcome and load.outcome.rows.get(LINKS) == 0:
        nothing = FindingRow("warning", None, None, "documents", "none")
        found[DOCUMENTS] = CheckFindings(1, [nothing])
    return found


def evaluated(load: Load) -> tuple[str, ...]:
    """The checks that a file came as far as to be judged by; another run's file by none."""
    if load.outcome and load.outcome.status == "lost":
        return ()
    is_read = load.loaded if load.same_as is not None else _findings(load) is not None
    return (
        *(of_reading.NAMES if is_read else ()),
        *((CONFLICT,) if load.loaded else ()),
        *((ROWS,) if load.outcome and load.outcome.rows else ()),
        *((DOCUMENTS,) if load.loaded and load.outcome and load.outcome.rows else ()),
    )


def _findings(load: Load) -> Findings | None:
    return load.reading.findings if load.reading else None


def _warnings(load: Load) -> Sequence[dict[str, object]]:
    return load.outcome.warnings if load.outcome else ()


def _findings_before(load: Load) -> Iterator[tuple[str, CheckFindings]]:
    """What the ledger has of the same bytes: a summary."""
    for name, _, rules in of_reading.CHECKS:
        codes = {name} if name != READING else rules
        given = [w for w in _warnings(load) if w["code"] in codes]
        if given:
            first = [_from_ledger(w) for w in given]
            count = sum(n if isinstance(n := w.get("findings"), int) else 1 for w in given)
            yield name, CheckFindings(count, first[:MOST_FINDINGS])


def _from_ledger(warning: dict[str, object]) -> FindingRow:
    line, message = warning.get("line"), str(warning.get("message"))
    place = line if isinstance(line, int) else None
    rule = RULES.get(str(warning.get("code")))
    given = warning.get("severity") or (rule.severity if rule else None)
    severity: Severity = "error" if given == "error" else "warning"
    return FindingRow(severity, place, None, None, message)


def _conflict(warning: dict[str, object]) -> FindingRow:
    if "invoice_no" not in warning:  # "and 12 more of this kind"
        return _from_ledger(warning)
    ours, theirs = (_said(warning.get(file)) for file in ("this_file", "other_file"))
    return FindingRow("warning", None, str(warning["invoice_no"]), ours, theirs)


def _said(document: object) -> str:
    """`2025-03-01, Hash AbCd…`, of one side of a conflict."""
    given = document if isinstance(document, dict) else {}
    return f"{given.get('invoice_date')}, Hash {str(given.get('hash') or 'none')[:12]}"


def _differing(load: Load) -> Iterator[FindingRow]:
    """Tables that did not get what was read; where staging differed, nothing was published."""
    if load.outcome is None or load.reading is None or load.same_as is not None:
        return
    got = load.outcome.rows
    if load.outcome.status == "failed" and got:
        yield FindingRow("error", None, None, "all rows", load.outcome.error)
        return
    for table in ("customers", "invoices", "invoice_lines") if got else ():
        expected, found = load.reading.rows.counts[table], got.get(table)
        if expected != found:
            yield FindingRow("error", None, table, str(expected), str(found))


@dataclass
class _Sum:
    """What one check found in the files of a run."""

    files: int = 0
    with_findings: int = 0
    findings: int = 0
    kept_out: int = 0
    first: list[tuple[str, FindingRow]] = field(default_factory=list)

    def add(self, path: str, found: CheckFindings | None, *, blocks: bool) -> None:
        self.files += 1
        if found:
            self.with_findings += 1
            self.kept_out += blocks
            self.findings += found.findings
            self.first += [(path, f) for f in found.first][: MOST_FINDINGS - len(self.first)]


class Evaluations:
    """What the checks of one run come to, group of files by group."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        block_on: Collection[str],
        prefix: Sequence[str],
        *,
        alone: bool,
    ) -> None:
        self._instance = instance
        self._block_on = block_on
        self._keys = {n: dg.AssetKey([*prefix, asset]) for n, asset in _ASSET_OF.items()}
        self._alone = alone  # the run is that of one partition
        self._sums = {name: _Sum() for name in _ASSET_OF}

    def of(self, loads: Sequence[tuple[str, Load]]) -> Iterator[dg.AssetCheckEvaluation]:
        """What there is to tell of single files, each with its partition."""
        bad_before = self._bad_before(loads)
        for partition, load in loads:
            found = findings_by_check(load)
            for name in evaluated(load):
                blocks = name in self._block_on and not load.loaded
                self._sums[name].add(load.file.path, found.get(name), blocks=blocks)
                if self._alone or name in found or (name, partition) in bad_before:
                    one = _Sum()
                    one.add(load.file.path, found.get(name), blocks=blocks)
                    yield self._evaluation(name, one, partition)

    def finish(self) -> Iterator[dg.AssetCheckEvaluation]:
        """What there is to tell of all files of the run."""
        for name, whole in self._sums.items():
            if whole.files and not self._alone:
                yield self._evaluation(name, whole, None)

    def _bad_before(self, loads: Sequence[tuple[str, Load]]) -> set[tuple[str, str]]:
        """Checks and partitions of these that failed when the file came last."""
        again = [p for p, load in loads if load.file.version > 1 or load.file.attempts > 1]
        if self._alone or not again:
            return set()
        return failed_checks(
            self._instance, [dg.AssetCheckKey(key, name) for name, key in self._keys.items()], again
        )

    def _evaluation(self, name: str, found: _Sum, partition: str | None) -> dg.AssetCheckEvaluation:
        metadata: dict[str, dg.MetadataValue | int] = {"findings": found.findings}
        if partition is None:
            metadata |= {"files": found.files, "files with findings": found.with_findings}
        if found.first:
            metadata["first findings"] = table(found.first)
        return dg.AssetCheckEvaluation(
            asset_key=self._keys[name],
            check_name=name,
            passed=not found.findings,
            metadata=metadata,
            severity=_severity(grave=found.kept_out > 0 or name == ROWS or not found.findings),
            description=_words(found),
            blocking=name in self._block_on or None,
            partition=partition,
        )


def _severity(*, grave: bool) -> dg.AssetCheckSeverity:
    """An error is what kept a file out of the tables; without findings, as Dagster has it."""
    return dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN


def _words(found: _Sum) -> str:
    if not found.first:
        return "nothing found" if found.files == 1 else f"nothing found in {found.files:,} files"
    path, first = found.first[0]
    where = "" if found.files == 1 else f" in {found.with_findings:,} of {found.files:,} files"
    blocked = f"; kept out of the tables by BLOCK_ON: {found.kept_out:,}" if found.kept_out else ""
    about = of_reading.in_words(*first[2:])
    return visible(f"findings: {found.findings:,}{where}; the first: {path}: {about}{blocked}")


def _cell(value: str | int | None) -> str | int:
    return visible(value) if isinstance(value, str) else value or ""


def table(found: Sequence[tuple[str, FindingRow]]) -> dg.TableMetadataValue:
    """The first findings, each with the path of its file."""
    rows = ((path, f.line, f.document, f.expected, f.found, f.severity) for path, f in found)
    records = [
        dg.TableRecord({k: _cell(v) for k, v in zip(_COLUMNS, row, strict=True)}) for row in rows
    ]
    return dg.TableMetadataValue(records, _SCHEMA)
