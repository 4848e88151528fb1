"""Where the columns stand in a record's row."""

from __future__ import annotations

from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS


def of_invoice(names: str) -> list[int]:
    """The slots of an invoice's columns, which are named with blanks between them."""
    return [INVOICE_FIELDS.index(name) for name in names.split()]


def of_line(names: str) -> list[int]:
    """The same of a line's."""
    return [LINE_FIELDS.index(name) for name in names.split()]


def of_customer(names: str) -> list[int]:
    """The same of a customer's."""
    return [CUSTOMER_FIELDS.index(name) for name in names.split()]


def of_company(names: str) -> list[int]:
    """The same of the Header's."""
    return [COMPANY_FIELDS.index(name) for name in names.split()]
