"""Records as NDJSON: what `saft parse` prints and what the `parsed_json` artifact holds.

One object a line with `record` first; amounts are strings, dates ISO text, absent values left
out; what has no column is under `extra`, named after its elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.json_text import (
    Picker,
    dumps,
    is_plain,
    of_fields,
    picker,
    split_at_places,
)
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
    from saft_pipeline.saft.forms import Form
    from saft_pipeline.saft.invoices import InvoiceLayout


def to_json(record: Record) -> bytes:
    """One line, ended by a line feed."""
    if isinstance(record, Invoice) and record.whole and record.text and (line := _whole(record)):
        return line.encode()
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


def _whole(invoice: Invoice) -> str:
    """An invoice's line at once; empty where that can't be.

    Where forms are many most are seen once, and a template takes longer than a line.
    """
    form, whole = invoice.form, invoice.whole
    assert form is not None and whole is not None  # noqa: PT018 - no test
    writer: _Writer | None = form.writer
    if writer is None and form.is_known:
        writer = form.writer = _Writer(form, *whole)
    form.is_known = True
    return writer.line(whole[1], invoice.text) if writer else ""


class _Writer:
    """Writes invoices of one form."""

    def __init__(self, form: Form, layout: InvoiceLayout, values: Sequence[str | None]) -> None:
        self._layout = layout
        self._present = form.present
        self._added = slice(len(values) - len(layout.added) - 1, -1)
        self._formats: dict[tuple[bool, ...], tuple[list[str], Picker]] = {}

    def line(self, values: Sequence[str | None], text: str) -> str:
        """The line; empty if a text in it is escaped."""
        added = values[self._added]
        there = tuple(map(bool, added))
        parts, pick = self._formats.get(there) or self._new(values)
        if not is_plain(f"{text}{added[-1]}"):
            return ""
        parts = parts[:]
        parts[1::2] = pick(values)
        return "".join(parts)

    def _new(self, values: Sequence[str | None]) -> tuple[list[str], Picker]:
        layout = self._layout
        marked = [f"<{n}>" if value else None for n, value in enumerate(values)]
        lines = list(zip(layout.rows(marked), layout.extras(marked), strict=True))
        parts = _invoice(layout.row(marked), layout.extra_json(marked), [lines] if lines else [])
        between, places = split_at_places("".join(parts))
        found = [part for before in between for part in (before, "")][:-1], picker(places)
        self._formats[tuple(map(bool, values[self._added]))] = found
        return found


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
