"""What the web UI shows of a file: when, how many rows, which warnings, what failed and where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import dagster as dg

from saft_pipeline.artifacts.local import Artifacts
from saft_pipeline.loading.file_load import Load
from saft_pipeline.visible import one_line, visible

_MOST_FINDINGS = 20


def of_asset(asset: str, load: Load, artifacts: Artifacts) -> dict[str, Any]:
    """The metadata of one asset's materialization for one file."""
    if asset == "raw_xml":
        return _raw(load, artifacts)
    if asset == "parsed_json":
        return _parsed(load, artifacts)
    if asset == "invoice_files":
        return _ledger(load)
    rows = load.outcome.rows.get(asset, 0) if load.outcome else 0
    return {"dagster/row_count": rows}


def of_failure(load: Load, page: str | None = None) -> dict[str, Any]:
    """Why a file did not get into the tables, what to do, and where `page` has a button for it."""
    there = f"{page}files?path={quote(load.file.path, safe='')}"
    return {
        "reason": visible(load.error or "unknown"),
        "to do": _to_do(load),
        **({"status page": dg.MetadataValue.url(there)} if page else {}),
        "path": one_line(load.file.path),
        "version": load.file.version,
        "attempt": load.file.attempts,
    }


def _to_do(load: Load) -> str:
    """What people can do about it."""
    rejection = load.rejection
    if rejection and rejection.transient:
        return "nothing: it is tried again by itself, a few times; or at once: saft retry"
    return _CURES[rejection.state if rejection else "failed"]


_CURES = {
    "failed": "have it mended or exported again: a new upload is taken by itself",
    "incomplete": "nothing: it is taken when it has changed",
    "gone": "upload it again",
    "unreadable": "mend its name or its rights on the server",
    "lost": "nothing: another run has taken it",
}


def of_failures(loads: Sequence[Load]) -> dg.TableMetadataValue:
    """The failed files of a run, as a table."""
    rows = ({"file": one_line(x.file.path), "reason": visible(x.error or "")} for x in loads)
    records = [dg.TableRecord(each) for each in rows]
    return dg.MetadataValue.table(records[:_MOST_FINDINGS])


def _raw(load: Load, artifacts: Artifacts) -> dict[str, Any]:
    assert load.fetched is not None
    return {
        "path": one_line(load.file.path),
        "bytes": load.fetched.file.size,
        "modified_at": dg.MetadataValue.timestamp(load.file.modified_at),
        "sha256": load.fetched.sha256,
        "artifact": dg.MetadataValue.path(artifacts.place("raw", load.fetched.sha256, load.pack)),
    }


def _parsed(load: Load, artifacts: Artifacts) -> dict[str, Any]:
    assert load.fetched is not None
    place = artifacts.place("parsed", load.fetched.sha256, load.pack)
    artifact = dg.MetadataValue.path(place)
    if load.same_as is not None:
        return {"same bytes as": f"ledger row {load.same_as}", "artifact": artifact}
    reading = load.reading
    assert reading is not None
    return {
        "records": reading.records,
        "seconds": round(reading.seconds, 6),
        "artifact": artifact,
        **_warnings(reading.warnings),
    }


def _ledger(load: Load) -> dict[str, Any]:
    assert load.outcome is not None
    rows = load.outcome.rows
    return {
        "path": one_line(load.file.path),
        "version": load.file.version,
        "attempt": load.file.attempts,
        "invoices": rows.get("invoice_file_links", 0),
        "lines": rows.get("invoice_lines", 0),
        **_holds(load),
        "warnings": 0,
        **_warnings(load.outcome.warnings),
    }


def _holds(load: Load) -> dict[str, str]:
    """`3 FT, 1 NC of NIF 500000000, Gramido`, in one entry: each takes 100 bytes of every file."""
    reading = load.reading
    if reading is None or reading.company_id is None:
        return {}
    documents = ", ".join(f"{count:,} {kind}" for kind, count in sorted(reading.types.items()))
    branch = f", {one_line(load.file.branch)}" if load.file.branch else ""
    return {"holds": f"{documents or 'no documents'} of NIF {reading.company_id}{branch}"}


def _warnings(warnings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not warnings:
        return {}
    records = [dg.TableRecord({k: _cell(w.get(k)) for k in _COLUMNS}) for w in warnings]
    table = dg.MetadataValue.table(records[:_MOST_FINDINGS])
    return {"warnings": len(warnings), "first warnings": table}


_COLUMNS = ("code", "line", "message")


def _cell(value: object) -> str | int:
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    return visible(value if isinstance(value, str) else json.dumps(value))
