"""Portuguese and English: the words of reports, and how amounts and dates are written in them.

A text is named by its English wording, as in gettext; `portuguese` has the other one. A test finds
what is missing there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from saft_pipeline.reports import portuguese
from saft_pipeline.reports.columns import ColumnKind, column_kind

_ENGLISH_LABELS = {
    "company_id": "NIF",
    "tax_country_region": "Region",
    "tax_code": "Code",
    "tax_percentage": "Rate",
    "tax_exemption_code": "Exemption",
    "vat": "VAT",
    "tax_payable": "TaxPayable",
    "invoice_date": "Day",
    "invoice_no": "Document",
    "tax": "Tax of its lines",
    "net_total": "Net",
    "gross_total": "Gross",
    "status": "State",
    "size": "Bytes",
    "warned": "With warnings",
    "path": "File",
    "attempts": "Tries",
    "error": "Reason",
    "atcud": "ATCUD",
    "id": "Id",
}


@dataclass(frozen=True, slots=True)
class Language:
    """A language of reports; `code` is what HTML calls it."""

    code: str
    decimal: str
    thousands: str
    date_format: str
    month_format: str
    money: str
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)

    def text(self, english: str, **values: object) -> str:
        """A text with `{values}` filled in."""
        found = self.texts.get(english, english)
        return found.format(**values) if values else found

    def label(self, column: str) -> str:
        """What people call a column."""
        known = self.labels.get(column) or _ENGLISH_LABELS.get(column)
        return known or column.replace("_", " ").capitalize()

    def number(self, value: Decimal | int, places: int | None = None, *, sign: bool = False) -> str:
        """With thousands apart; `places` after the point, or as many as there are."""
        form = f"{'+' if sign else ''},{'' if places is None else f'.{places}'}f"
        text = f"{value:,}" if isinstance(value, int) and places is None else f"{value:{form}}"
        return text.translate({44: self.thousands, 46: self.decimal})

    def amount(self, value: Decimal) -> str:
        """An amount of euros."""
        return self.money.format(self.number(value, 2))

    def day(self, value: date) -> str:
        """A date."""
        return value.strftime(self.date_format)

    def shown(self, column: str, value: Any) -> str:
        """A value as people read it; absent is a dash."""
        if is_absent(value):
            return "–"
        match column_kind(column), value:
            case ColumnKind.MONEY, Decimal():
                return self.amount(value)
            case ColumnKind.PERCENT, Decimal():
                return f"{format(value, 'f').replace('.', self.decimal)} %"
            case ColumnKind.COUNT, int():
                return self.number(value)
            case ColumnKind.MONTH, str():
                return date.fromisoformat(f"{value}-01").strftime(self.month_format)
            case ColumnKind.DATE, str():
                return self.day(date.fromisoformat(value))
            case _, datetime():
                return str(value)
            case _, date():
                return self.day(value)
            case _:
                return self.text(str(value)) if column == "status" else str(value)


def is_absent(value: Any) -> bool:
    """Whether a cell is empty: None, which pandas turns into a NaN where it groups."""
    return value is None or value != value


ENGLISH = Language("en", ".", ",", "%Y-%m-%d", "%Y-%m", "{}")
PORTUGUESE = Language(
    "pt", ",", "\N{NO-BREAK SPACE}", "%d/%m/%Y", "%m/%Y", "{}\N{NO-BREAK SPACE}€",
    portuguese.TEXTS, portuguese.LABELS,
)  # fmt: skip
LANGUAGES = {"en": ENGLISH, "pt": PORTUGUESE}


def chosen(wanted: Iterable[str]) -> Language:
    """The first language that there is of those wanted, such as `pt`, `pt-PT` or `pt_PT.UTF-8`."""
    known = (LANGUAGES.get(tag[:2].lower()) for tag in wanted)
    return next((language for language in known if language), ENGLISH)
