"""Records as NDJSON: what `saft parse` prints and what the `parsed_json` artifact holds.

One object a line with `record` first; amounts are strings, dates ISO text, absent values left
out; what has no column is under `extra`, named after its elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.json_text import encode, of_fields
from saft_pipeline.saft.records import (
    HEADER_FACTS,
    ControlTotals,
    Customer,
    Header,
    Invoice,
    Other,
    Record,
    Totals,
)


def to_json(record: Record) -> bytes:
    """One line, ended by a line feed."""
    return "".join(_texts(record)).encode()


def blocks(record: Record) -> Iterator[bytes]:
    """The same, of a large invoice a part at a time."""
    return (text.encode() for text in _texts(record))


def _texts(record: Record) -> Iterable[str]:
    if isinstance(record, Invoice):
        return _invoice(record)
    if isinstance(record, Customer):
        return _line("customer", _customer_row.members(record.values), _extra(record.extra_json))
    if isinstance(record, Other):
        return _line(record.kind, record.json)
    if isinstance(record, Header):
        facts = [getattr(record, name) for name in HEADER_FACTS]
        members = _header_row.members((*record.values, *facts))
        return _line("header", members, _extra(record.extra_json))
    return _line("totals", encode(_totals(record))[1:-1])


def _line(name: str, *members: str) -> Iterable[str]:
    return ('{"record":"', name, '"', *[f",{part}" for part in members if part], "}\n")


def _extra(members: str) -> str:
    return f'"extra":{{{members}}}' if members else ""


_header_row = of_fields((*COMPANY_FIELDS, *HEADER_FACTS))
_customer_row = of_fields(CUSTOMER_FIELDS)
_invoice_row = of_fields(INVOICE_FIELDS)
_line_row = of_fields(LINE_FIELDS)


def _invoice(invoice: Invoice) -> Iterator[str]:
    members, extra = _invoice_row.members(invoice.values), _extra(invoice.extra_json)
    yield ",".join(filter(None, ('{"record":"invoice"', members, extra, '"lines":[')))
    line_members, before = _line_row.members, ""
    for block in invoice.lines.blocks():
        lines = [
            f'{line_members(row)},"extra":{{{extra_json}}}' if extra_json else line_members(row)
            for row, extra_json in block
        ]
        yield f"{before}{{{'},{'.join(lines)}}}"
        before = ","
    yield "]}\n"


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "declared": _control(totals.declared),
        "computed": _control(totals.computed),
        "invoices": totals.invoices,
        "lines": totals.lines,
        "customers": totals.customers,
        **totals.sections,
    }


def _control(totals: ControlTotals) -> dict[str, Any]:
    return {name: value for name, value in totals._asdict().items() if value is not None}
