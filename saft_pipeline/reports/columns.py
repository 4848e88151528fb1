"""What kinds of values the columns of reports and tables hold: how they are written hangs on it."""

from __future__ import annotations

from enum import StrEnum


class ColumnKind(StrEnum):
    """What a column holds; of all but text, spreadsheets can make use."""

    TEXT = "text"
    DATE = "date"
    MONTH = "month"
    TIME = "time"
    INSTANT = "instant"
    MONEY = "money"
    NUMBER = "number"
    PERCENT = "percent"
    COUNT = "count"
    ID = "id"
    FLAG = "flag"


_KINDS = {
    ColumnKind.MONEY: "taxable_base vat tax_payable difference stamp_duty rounding mismatch tax "
    "net_total gross_total signed_net_total signed_tax_payable signed_gross_total credited "
    "amount payment_amount withholding_tax_amount debit_amount credit_amount tax_base tax_amount "
    "settlement_amount declared_total_debit declared_total_credit computed_total_debit "
    "computed_total_credit",
    ColumnKind.PERCENT: "tax_percentage",
    ColumnKind.COUNT: "documents files invoices lines size warned attempts line_count credit_notes "
    "days missing total_invoices total_lines declared_number_of_entries computed_number_of_entries "
    "loaded failed incomplete pending running gone unreadable",
    ColumnKind.MONTH: "month",
    ColumnKind.DATE: "invoice_date previous_date credit_note_date day",
}
_BY_NAME = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_BY_TYPE = {
    "numeric": ColumnKind.NUMBER,
    "integer": ColumnKind.ID,
    "bigint": ColumnKind.ID,
    "boolean": ColumnKind.FLAG,
    "date": ColumnKind.DATE,
    "timestamp without time zone": ColumnKind.TIME,
    "timestamp with time zone": ColumnKind.INSTANT,
}
RIGHT = {ColumnKind.MONEY, ColumnKind.NUMBER, ColumnKind.PERCENT, ColumnKind.COUNT}


def column_kind(column: str, type_name: str = "text") -> ColumnKind:
    """What a column holds: by its name, else by Postgres's type of it."""
    return _BY_NAME.get(column) or _BY_TYPE.get(type_name, ColumnKind.TEXT)


def is_number(column: str) -> bool:
    """Whether a column is written to the right."""
    return column_kind(column) in RIGHT
