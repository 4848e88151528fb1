"""What a report consists of, and how its values are written: as data, and for people.

Amounts are `Decimal` in columns of objects, from the database to the page; never a float.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

import pandas as pd

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
# What is computed in this context is exact: decimal allots only the digits that there are.
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, rounding=ROUND_HALF_UP)

_LABELS = {
    "company_id": "NIF",
    "month": "Month",
    "tax_country_region": "Region",
    "tax_code": "Code",
    "tax_percentage": "Rate",
    "tax_exemption_code": "Exemption",
    "taxable_base": "Taxable base",
    "vat": "VAT",
    "documents": "Documents",
    "tax_payable": "TaxPayable",
    "difference": "Difference",
    "stamp_duty": "Stamp duty",
    "rounding": "Rounding",
    "mismatch": "Mismatch",
    "invoice_date": "Day",
    "invoice_no": "Document",
    "tax": "Tax of its lines",
    "branch": "Branch",
    "net_total": "Net",
    "gross_total": "Gross",
    "day": "Day",
    "status": "State",
    "files": "Files",
    "invoices": "Invoices",
    "lines": "Lines",
    "size": "Bytes",
    "warned": "With warnings",
    "path": "File",
    "attempts": "Tries",
    "error": "Reason",
}
_NUMBERS = {
    *("tax_percentage", "taxable_base", "vat", "documents", "tax_payable", "difference"),
    *("stamp_duty", "rounding", "mismatch", "tax", "net_total", "gross_total", "files"),
    *("invoices", "lines", "size", "warned", "attempts"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a heading; `summed` are the columns that a last row adds up for people."""

    name: str
    heading: str
    frame: pd.DataFrame
    note: str = ""
    summed: tuple[str, ...] = ()

    @property
    def totals(self) -> dict[str, Any]:
        """The last row."""
        return {name: total(self.frame[name]) for name in self.summed}

    def records(self) -> list[dict[str, Any]]:
        """The rows as JSON has them: amounts are text, absent is None."""
        return [
            {name: _data(value) for name, value in zip(self.frame.columns, row, strict=True)}
            for row in self.frame.itertuples(index=False, name=None)
        ]


@dataclass(frozen=True, slots=True)
class Report:
    """A report in full: `verdict` says whether all is well, `main` is the table that it is about.

    `figures` are a few values by what they are, `charts` SVG by what they show; `tables` are in the
    order in which people look at them.
    """

    name: str
    title: str
    about: str
    verdict: str
    is_well: bool
    figures: Mapping[str, str]
    charts: Mapping[str, str]
    main: str
    tables: Sequence[Table]

    @property
    def table(self) -> Table:
        """The main table."""
        return next(table for table in self.tables if table.name == self.main)

    @property
    def is_empty(self) -> bool:
        """Nothing is of the company and days that were asked for."""
        return self.table.frame.empty

    @property
    def nothing(self) -> str:
        """What to say then."""
        return f"Nothing to report: {self.about}."

    def to_csv(self) -> str:
        """The main table as CSV (RFC 4180, lines end with a line feed), UTF-8, absent is empty."""
        columns = self.table.frame.columns
        rows = pd.DataFrame(self.table.records(), columns=columns, dtype=object)
        return rows.to_csv(index=False, lineterminator="\n")

    def to_json(self) -> dict[str, Any]:
        """All tables by their names, with what the report is of."""
        head = {"report": self.name, "about": self.about, "verdict": self.verdict}
        return {**head, **{table.name: table.records() for table in self.tables}}


def frame(rows: Sequence[Mapping[str, Any]], columns: str, amounts: str = "") -> pd.DataFrame:
    """Rows of the store as columns of objects, `amounts` (which are text there) as Decimal."""
    found = pd.DataFrame(list(rows), columns=columns.split(), dtype=object)
    for name in amounts.split():
        found[name] = objects(None if v is None else Decimal(v) for v in found[name])
    return found


def objects(values: Iterable[Any]) -> pd.Series[Any]:
    """A column that leaves its values as they are."""
    return pd.Series(list(values), dtype=object)


def cents(amount: Decimal) -> Decimal:
    """An amount rounded half up, away from zero, to the cent; zero has no sign."""
    return EXACT.add(amount.quantize(CENT, context=EXACT), ZERO)


def total(values: pd.Series[Any]) -> Any:
    """The exact sum; of nothing it is zero."""
    with localcontext(EXACT):
        return sum(values)


def label(column: str) -> str:
    """What people call a column."""
    return _LABELS[column]


def is_number(column: str) -> bool:
    """Whether a column is written to the right."""
    return column in _NUMBERS


def is_absent(value: Any) -> bool:
    """Whether a cell is empty: None, which pandas turns into a NaN where it groups."""
    return value is None or bool(pd.isna(value))


def _data(value: Any) -> Any:
    if is_absent(value):
        return None
    return format(value, "f") if isinstance(value, Decimal) else value


def shown(column: str, value: Any) -> str:
    """A value as people read it."""
    if is_absent(value):
        return "–"
    if column == "tax_percentage":
        return f"{value:f} %"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and is_number(column) else str(value)
