"""The ledger by day, branch and state: what came in, and what did not get into the tables.

Of every file only the newest version counts. The day is that on which it was first seen, in UTC.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from saft_pipeline.reports.charts import BLUE, GREEN, ORANGE, PALE, RED, stacked_bars
from saft_pipeline.reports.language import Language
from saft_pipeline.reports.report import Report, Table, frame, objects, total
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports, Rows

_SUMMED = ("files", "invoices", "lines", "size", "warned")
_COLOURS = {"loaded": GREEN, "failed": RED, "incomplete": ORANGE, "pending": BLUE, "running": PALE}
_NOTE = "The newest fifty at most; `saft status` has all, `saft retry FILE` takes one again."
_COLUMNS = ["day", "branch", "status", *_SUMMED]


def files_report(source: Reports, selection: Selection) -> Report:
    """The report; of all companies, since a file that failed may not have told whose it is."""
    found = source.files(selection.start_date, selection.end_date, selection.source)
    days = frame(found["days"], " ".join(_COLUMNS))
    unloaded = _unloaded(found["unloaded"])
    say = selection.language.text
    tables = [
        Table("unloaded", say("Files that are not loaded, and why"), unloaded, say(_NOTE)),
        Table("days", say("Files by day, branch and state"), days, summed=_SUMMED),
    ]
    by_state = _by_state(days)
    return Report(
        "files",
        say("Files"),
        say(
            "{sources} · first seen: {days}",
            sources=selection.source or say("all sources"),
            days=selection.days,
        ),
        _verdict(by_state, selection.language),
        unloaded.empty,
        _figures(days, by_state),
        {say("Files by day and state"): _chart(days, selection.language)},
        "days",
        tables[1:] if unloaded.empty else tables,
        selection.language,
    )


def _unloaded(rows: Rows) -> pd.DataFrame:
    """The reasons without the path that they begin with, which stands beside them."""
    found = frame(rows, "day path status attempts error")
    both = zip(found["path"], found["error"], strict=True)
    found["error"] = objects(e and e.removeprefix(f"{path}:").lstrip() for path, e in both)
    return found


def _by_state(days: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(total(r["files"])) for name, r in days.groupby("status", sort=True)}


def _verdict(by_state: dict[str, int], language: Language) -> str:
    rest = {state: n for state, n in by_state.items() if state != "loaded"}
    if not rest:
        return language.text("Every file is loaded.")
    listed = (f"{language.number(n)} {_of_many(state, n, language)}" for state, n in rest.items())
    return language.text("Not loaded: {files}.", files=", ".join(listed))


def _of_many(state: str, count: int, language: Language) -> str:
    return language.text(state) if count == 1 else language.label(state).lower()


def _figures(days: pd.DataFrame, by_state: dict[str, int]) -> dict[str, Any]:
    sums = {name: int(total(days[name])) for name in ("invoices", "lines")}
    return {"files": sum(by_state.values()), **by_state, **sums}


def _chart(days: pd.DataFrame, language: Language) -> str:
    return stacked_bars(
        days, x="day", stack="status", value="files", language=language, colours=_COLOURS
    )
