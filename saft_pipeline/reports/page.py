"""A report as one HTML page that needs nothing else: no script, no font, no server.

It is made for the screen and for A4 paper: heads of tables are repeated on each page.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import Template

from saft_pipeline.reports.columns import is_number
from saft_pipeline.reports.language import Language
from saft_pipeline.reports.report import Report, Table
from saft_pipeline.reports.xlsx_file import XLSX_TYPE, write_report
from saft_pipeline.visible import templates


def page(report: Report, downloads: Mapping[str, str] | None = None) -> str:
    """The page, in UTF-8; all that files say is escaped.

    Args:
        report: what it shows.
        downloads: addresses (`data:` ones, too) of the same report, by the name of the file.
    """
    return _template().render(report=report, downloads=downloads or {}, rows=_rows, zip=zip)


@cache
def _template() -> Template:
    pages = templates("saft_pipeline.reports")
    pages.filters["side"] = _side
    return pages.get_template("report.html")


def _rows(table: Table, language: Language) -> Iterator[tuple[str, ...]]:
    """The cells as people read them; a column has few values many times over."""

    def texts(column: str) -> Iterator[str]:
        known: dict[tuple[type, Any], str] = {}
        for value in table.frame[column]:
            key = (type(value), value)
            if key not in known:
                known[key] = language.shown(column, value)
            yield known[key]

    return zip(*map(texts, table.frame.columns), strict=True)


def _side(column: str) -> str:
    """On which side of its cells a column stands, as an attribute of theirs."""
    return ' class="n"' if is_number(column) else ""


def standalone(report: Report) -> str:
    """The page as a file of its own, with the same report as a spreadsheet in it to save."""
    book = io.BytesIO()
    write_report(report, book)
    data = base64.b64encode(book.getvalue()).decode()
    return page(report, {f"{report.name}.xlsx": f"data:{XLSX_TYPE};base64,{data}"})
