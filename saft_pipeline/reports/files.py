"""The ledger by day, branch and state: what came in, and what did not get into the tables.

Of every file only the newest version counts. The day is that on which it was first seen, in UTC.
"""

from __future__ import annotations

import pandas as pd

from saft_pipeline.reports.charts import BLUE, GREEN, ORANGE, PALE, RED, stacked_bars
from saft_pipeline.reports.report import Report, Table, frame, objects, total
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports, Rows

_SUMMED = ("files", "invoices", "lines", "size", "warned")
_COLOURS = {"loaded": GREEN, "failed": RED, "incomplete": ORANGE, "pending": BLUE, "running": PALE}
COLUMNS = ["day", "branch", "status", *_SUMMED]


def files(source: Reports, selection: Selection) -> Report:
    """The report; of all companies, since a file that failed may not have told whose it is."""
    found = source.files(selection.start_date, selection.end_date)
    days = frame(found["days"], " ".join(COLUMNS))
    unloaded = _unloaded(found["unloaded"])
    note = "The newest fifty at most; `saft status` has all, `saft retry FILE` takes one again."
    tables = [
        Table("unloaded", "Files that are not loaded, and why", unloaded, note),
        Table("days", "Files by day, branch and state", days, summed=_SUMMED),
    ]
    by_state = _by_state(days)
    return Report(
        "files",
        "Files",
        f"all sources · first seen: {selection.days}",
        _verdict(by_state),
        unloaded.empty,
        _figures(days, by_state),
        {"Files by day and state": _chart(days)},
        "days",
        tables[1:] if unloaded.empty else tables,
    )


def _unloaded(rows: Rows) -> pd.DataFrame:
    """The reasons without the path that they begin with, which stands beside them."""
    found = frame(rows, "day path status attempts error")
    both = zip(found["path"], found["error"], strict=True)
    found["error"] = objects(e and e.removeprefix(f"{path}:").lstrip() for path, e in both)
    return found


def _by_state(days: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(total(r["files"])) for name, r in days.groupby("status", sort=True)}


def _verdict(by_state: dict[str, int]) -> str:
    rest = {state: n for state, n in by_state.items() if state != "loaded"}
    if not rest:
        return "Every file is loaded."
    return f"Not loaded: {', '.join(f'{n:,} {state}' for state, n in rest.items())}."


def _figures(days: pd.DataFrame, by_state: dict[str, int]) -> dict[str, str]:
    return {
        "Files": f"{sum(by_state.values()):,}",
        **{state.capitalize(): f"{n:,}" for state, n in by_state.items()},
        "Invoices": f"{int(total(days['invoices'])):,}",
        "Lines": f"{int(total(days['lines'])):,}",
    }


def _chart(days: pd.DataFrame) -> str:
    return stacked_bars(
        days, x="day", stack="status", value="files", label="Files", colours=_COLOURS
    )
