"""Records as NDJSON: what `saft parse` prints and what the `parsed_json` artifact holds.

One object a line with `record` first; amounts are strings, dates ISO text, absent values left
out; what has no column is under `extra`, named after its elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.json_text import Template, dumps, of_fields, picker, split_at_places
from saft_pipeline.saft.records import (
    HEADER_FACTS,
    ControlTotals,
    Customer,
    Header,
    Invoice,
    Other,
    Record,
    Row,
    Totals,
)

if TYPE_CHECKING:
    from saft_pipeline.saft.invoices import InvoiceLayout

_MOST_PATTERNS = 10  # of present values, of one layout


def to_json(record: Record) -> bytes:
    """One line, ended by a line feed."""
    if isinstance(record, Invoice) and record.whole and (text := _whole(*record.whole)):
        return text.encode()
    return "".join(_texts(record)).encode()


def blocks(record: Record) -> Iterator[bytes]:
    """The same, of a large invoice a part at a time."""
    return (text.encode() for text in _texts(record))


def _texts(record: Record) -> Iterable[str]:
    if isinstance(record, Invoice):
        return _invoice(record.values, record.extra_json, record.lines.blocks())
    if isinstance(record, Customer):
        return _line("customer", _customer_row.members(record.values), _extra(record.extra_json))
    if isinstance(record, Other):
        return _line(record.kind, record.json)
    if isinstance(record, Header):
        facts = [getattr(record, name) for name in HEADER_FACTS]
        members = _header_row.members((*record.values, *facts))
        return _line("header", members, _extra(record.extra_json))
    return _line("totals", dumps(_totals(record))[1:-1])


def _line(name: str, *members: str) -> Iterable[str]:
    return ('{"record":"', name, '"', *[f",{part}" for part in members if part], "}\n")


def _extra(members: str) -> str:
    return f'"extra":{{{members}}}' if members else ""


_header_row = of_fields((*COMPANY_FIELDS, *HEADER_FACTS))
_customer_row = of_fields(CUSTOMER_FIELDS)
_invoice_row = of_fields(INVOICE_FIELDS)
_line_row = of_fields(LINE_FIELDS)


def _invoice(
    values: Row, extra_json: str, blocks: Iterable[Iterable[tuple[Row, str]]]
) -> Iterator[str]:
    members, extra = _invoice_row.members(values), _extra(extra_json)
    yield ",".join(filter(None, ('{"record":"invoice"', members, extra, '"lines":[')))
    line_members, before = _line_row.members, ""
    for block in blocks:
        lines = [
            f'{line_members(row)},"extra":{{{extra_json}}}' if extra_json else line_members(row)
            for row, extra_json in block
        ]
        yield f"{before}{{{'},{'.join(lines)}}}"
        before = ","
    yield "]}\n"


def _whole(layout: InvoiceLayout, values: Sequence[str | None]) -> str | None:
    """An invoice's line at once; None where its layout is seen for the first time.

    Where layouts are many most are seen once, and a template takes longer than a line.
    """
    writer: _Writer | None = layout.writer
    if writer:
        return writer.line(values)
    layout.writer = _Writer(layout) if layout.is_known else None
    layout.is_known = True
    return None


class _Writer:
    """Writes invoices of one layout."""

    def __init__(self, layout: InvoiceLayout) -> None:
        self._layout = layout
        self._size = layout.size + len(layout.added)
        marked = self._long([f"<{n}>" for n in range(self._size)])
        _, self._places = split_at_places(marked)
        self._pick = picker(self._places)
        self._template = Template(self._write, _MOST_PATTERNS)

    def line(self, values: Sequence[str | None]) -> str:
        return f"{self._template.members(self._pick(values))}\n"

    def _write(self, picked: Sequence[str | None]) -> str:
        values: list[str | None] = [None] * self._size
        for place, value in zip(self._places, picked, strict=True):
            values[place] = value
        return self._long(values)

    def _long(self, values: list[str | None]) -> str:
        layout, values = self._layout, [*values, None]
        lines = list(zip(layout.rows(values), layout.extras(values), strict=True))
        parts = _invoice(layout.row(values), layout.extra_json(values), [lines] if lines else [])
        return "".join(parts)[:-1]


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
