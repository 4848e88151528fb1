"""What the reports ask of the store: figures added up in the database, as few rows as can be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any

from saft_pipeline.store.transport import Transport
from saft_pipeline.store.values import converter

Rows = list[Mapping[str, Any]]
"""As JSON has them: exact amounts and dates are text, counts are numbers."""


class Reports:
    """Questions over one transport; all methods raise `StoreError` like `Store`'s.

    Dates are days of InvoiceDate, both included; None leaves that side open, and a `company_id` of
    None is all companies; `source` takes what files of that source hold. The SQL says what each
    answer is.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def companies(self) -> Rows:
        """`company_id` and `company_name` of every company."""
        return list(self._transport.call("saft_companies", {}))

    def vat(
        self,
        company_id: str | None,
        start_date: date | None,
        end_date: date | None,
        source: str | None = None,
    ) -> dict[str, Rows]:
        """`rates`, `months` and `documents` whose TaxPayable is not the tax of their lines."""
        arguments = {"company_id": company_id, "source": source, **_period(start_date, end_date)}
        return dict(json.loads(self._transport.call("saft_report_vat", arguments)))

    def sales(
        self,
        company_id: str | None,
        start_date: date | None,
        end_date: date | None,
        source: str | None = None,
    ) -> Rows:
        """Totals by company, branch and day."""
        arguments = {"company_id": company_id, "source": source, **_period(start_date, end_date)}
        return list(json.loads(self._transport.call("saft_report_sales", arguments)))

    def files(
        self, start_date: date | None, end_date: date | None, source: str | None = None
    ) -> dict[str, Rows]:
        """The ledger as `days`, and `unloaded` files; here dates are when files were first seen."""
        arguments = {"source": source, **_period(start_date, end_date)}
        return dict(json.loads(self._transport.call("saft_report_files", arguments)))

    def gaps(
        self, company_id: str | None, start_date: date | None, end_date: date | None
    ) -> dict[str, Rows]:
        """`gaps`, `months` without a file, `codes`, `credits`, `credit_notes` and `conflicts`."""
        arguments = {"company_id": company_id, **_period(start_date, end_date)}
        return dict(json.loads(self._transport.call("saft_report_gaps", arguments)))

    def continuity(self) -> dict[str, Rows]:
        """The same of all, by a look at what was loaded since it was asked last."""
        return dict(json.loads(self._transport.call("saft_continuity", {})))

    def export(
        self,
        relation: str,
        company_id: str | None,
        start_date: date | None,
        end_date: date | None,
    ) -> tuple[list[tuple[str, str]], Iterator[tuple[Any, ...]]]:
        """A table or view: names and types of its columns, and its rows, read page by page.

        Amounts are Decimal, days and times `date` and `datetime`.

        Raises:
            StoreError: there is none of that name, or it has no date and one was asked for.
        """
        arguments = {"relation": relation, "company_id": company_id}
        arguments |= _period(start_date, end_date)
        pages = self._pages(arguments)
        first = next(pages)
        columns = [(name, kind) for name, kind in first["columns"]]
        convert = converter([kind for _, kind in columns])
        return columns, (convert(row) for page in chain([first], pages) for row in page["rows"])

    def _pages(self, arguments: Mapping[str, Any]) -> Iterator[Any]:
        after = None
        while True:
            text = self._transport.call("saft_export", {**arguments, "after": after})
            page = json.loads(text, parse_float=Decimal)
            yield page
            if (after := page["next"]) is None:
                return


def _period(start_date: date | None, end_date: date | None) -> dict[str, str | None]:
    days = {"start_date": start_date, "end_date": end_date}
    return {name: day.isoformat() if day else None for name, day in days.items()}
