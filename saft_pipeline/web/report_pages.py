"""Reports at addresses: `/reports/vat?company=…&from=…&to=…`, and the same as CSV and XLSX."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from saft_pipeline.reports.csv_file import text_of
from saft_pipeline.reports.language import chosen
from saft_pipeline.reports.making import REPORTS, make
from saft_pipeline.reports.page import page
from saft_pipeline.reports.selection import Selection, SelectionError
from saft_pipeline.reports.xlsx_file import XLSX_TYPE, write_report
from saft_pipeline.web.errors import ApiError
from saft_pipeline.web.pages import html_response
from saft_pipeline.web.services import Services

_DAYS = 31
"""Of the ledger, which only grows, a page that is asked for no days shows the last ones."""


def answer(services: Services, name: str, form: str, asked: Mapping[str, str]) -> Response:
    """The report as a page, or as the file that `form` names; or where the page is.

    Raises:
        ApiError: there is no such report, company or day.
    """
    if name not in REPORTS or form not in ("", "csv", "xlsx"):
        raise ApiError(
            404, "not_found", f"no report is called {name}; those are {', '.join(REPORTS)}"
        )
    if name == "files" and not (form or asked.get("from") or asked.get("to")):
        since = datetime.now(UTC).date() - timedelta(days=_DAYS)
        return RedirectResponse(f"/reports/files?{urlencode({**asked, 'from': since})}", 303)
    try:
        selection = Selection(
            asked.get("company") or None,
            start_date=_day(asked, "from"),
            end_date=_day(asked, "to"),
            source=asked.get("source") or None,
            language=chosen([asked["lang"]]),
        )
        made = make(name, services.ledger.reports, selection)
    except SelectionError as error:
        raise ApiError(400, "bad_request", str(error)) from None
    if form == "csv":
        excel = asked.get("excel", "").lower() in ("1", "true", "yes")
        return _file(text_of(made, excel=excel).encode(), "text/csv; charset=utf-8", f"{name}.csv")
    if form == "xlsx":
        book = BytesIO()
        write_report(made, book)
        return _file(book.getvalue(), XLSX_TYPE, f"{name}.xlsx")
    query = urlencode(asked)
    return html_response(
        page(made, {f"{name}.{f}": f"/reports/{name}.{f}?{query}" for f in ("csv", "xlsx")})
    )


def _day(asked: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(asked[name]) if asked.get(name) else None
    except ValueError:
        raise ApiError(400, "bad_request", f"{name} is not a date such as 2025-01-31") from None


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
