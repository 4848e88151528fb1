"""What kinds of values the columns of reports and tables hold: how they are written hangs on it."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
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
    Kind.MONEY: "taxable_base vat tax_payable difference stamp_duty rounding mismatch tax "
    "net_total gross_total signed_net_total signed_tax_payable signed_gross_total credited "
    "amount payment_amount withholding_tax_amount debit_amount credit_amount tax_base tax_amount "
    "settlement_amount declared_total_debit declared_total_credit computed_total_debit "
    "computed_total_credit",
    Kind.PERCENT: "tax_percentage",
    Kind.COUNT: "documents files invoices lines size warned attempts line_count credit_notes days "
    "missing total_invoices total_lines declared_number_of_entries computed_number_of_entries "
    "loaded failed incomplete pending running gone unreadable",
    Kind.MONTH: "month",
    Kind.DATE: "invoice_date previous_date day",
}
_BY_NAME = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_BY_TYPE = {
    "numeric": Kind.NUMBER,
    "integer": Kind.ID,
    "bigint": Kind.ID,
    "boolean": Kind.FLAG,
    "date": Kind.DATE,
    "timestamp without time zone": Kind.TIME,
    "timestamp with time zone": Kind.INSTANT,
}
RIGHT = {Kind.MONEY, Kind.NUMBER, Kind.PERCENT, Kind.COUNT}


def kind_of(column: str, type_name: str = "text") -> Kind:
    """What a column holds: by its name, else by Postgres's type of it."""
    return _BY_NAME.get(column) or _BY_TYPE.get(type_name, Kind.TEXT)


def is_number(column: str) -> bool:
    """Whether a column is written to the right."""
    return kind_of(column) in RIGHT
