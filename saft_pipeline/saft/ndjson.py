"""Records as NDJSON: what `saft parse` prints and what the `parsed_json` artifact holds.

One object a line with `record` first; amounts are strings, dates ISO text, absent values left
out; what has no column is under `extra`, named after its elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.json_text import Template, encode
from saft_pipeline.saft.records import (
    HEADER_FACTS,
    ControlTotals,
    Customer,
    Extra,
    Header,
    Invoice,
    Other,
    Record,
    Row,
    Totals,
)


def to_json(record: Record) -> bytes:
    """One line, ended by a line feed."""
    return b"".join(blocks(record))


def blocks(record: Record) -> Iterator[bytes]:
    """The same, of a large invoice a part at a time."""
    if isinstance(record, Invoice):
        return _invoice(record)
    if isinstance(record, Customer):
        return _line("customer", _customer_row.members(record.values), _extra(record.extra_json))
    if isinstance(record, Other):
        return _line(record.kind, record.json)
    if isinstance(record, Header):
        return _line("header", encode(_header(record))[1:-1])
    return _line("totals", encode(_totals(record))[1:-1])


def _line(name: str, *members: str) -> Iterator[bytes]:
    text = ",".join(filter(None, (f'"record":"{name}"', *members)))
    return iter((f"{{{text}}}\n".encode(),))


def _extra(members: str) -> str:
    return f'"extra":{{{members}}}' if members else ""


def _present(fields: tuple[str, ...], values: Row) -> dict[str, Any]:
    return {f: v for f, v in zip(fields, values, strict=True) if v is not None}


def _with_extra(fields: dict[str, Any], extra: Extra) -> dict[str, Any]:
    if extra:
        fields["extra"] = extra
    return fields


def _header(header: Header) -> dict[str, Any]:
    facts = {name: getattr(header, name) for name in HEADER_FACTS}
    known = {name: value for name, value in facts.items() if value is not None}
    rest = {key: value for key, value in header.extra.items() if key not in known}
    return _with_extra({**_present(COMPANY_FIELDS, header.values), **known}, rest)


_customer_row = Template([(field,) for field in CUSTOMER_FIELDS])
_invoice_row = Template([(field,) for field in INVOICE_FIELDS])
_line_row = Template([(field,) for field in LINE_FIELDS])


def _invoice(invoice: Invoice) -> Iterator[bytes]:
    members = _invoice_row.members(invoice.values), _extra(invoice.extra_json), '"lines":['
    text = ",".join(filter(None, ('{"record":"invoice"', *members)))
    for block in invoice.lines.blocks():
        lines = _line_row.all_members([row for row, _ in block])
        for n, (_, line_extra) in enumerate(block):
            if line_extra:
                lines[n] = f'{lines[n]},"extra":{{{line_extra}}}'
        yield f"{text}{{{'},{'.join(lines)}}}".encode()
        text = ","
    yield (text.removesuffix(",") + "]}\n").encode()


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
