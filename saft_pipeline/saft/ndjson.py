"""Records as NDJSON: what `saft parse` prints and what the `parsed_json` artifact holds.

One object a line with `record` first; amounts are strings, dates ISO text, absent values left
out; what has no column is under `extra`, named after its elements.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.records import (
    ControlTotals,
    Customer,
    Extra,
    Header,
    Invoice,
    Lines,
    Other,
    Record,
    Row,
    Totals,
)

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_HEADER_FACTS = (
    "audit_file_version",
    "date_created",
    "start_date",
    "end_date",
    "fiscal_year",
    "tax_accounting_basis",
)


def to_json(record: Record) -> bytes:
    """One line, ended by a line feed."""
    if isinstance(record, Invoice):
        return _invoice(record)
    if isinstance(record, Header):
        fields = _header(record)
    elif isinstance(record, Customer):
        fields = _with_extra(_present(CUSTOMER_FIELDS, record.values), record.extra)
    elif isinstance(record, Totals):
        fields = _totals(record)
    else:
        fields = record.row
    return _line({"record": _name(record), **fields})


def _line(value: dict[str, Any]) -> bytes:
    return (_encode(value) + "\n").encode()


def _name(record: Record) -> str:
    return record.kind if isinstance(record, Other) else type(record).__name__.lower()


def _present(fields: tuple[str, ...], values: Row) -> dict[str, Any]:
    return {f: v for f, v in zip(fields, values, strict=True) if v is not None}


def _with_extra(fields: dict[str, Any], extra: Extra) -> dict[str, Any]:
    if extra:
        fields["extra"] = extra
    return fields


def _header(header: Header) -> dict[str, Any]:
    facts = {name: getattr(header, name) for name in _HEADER_FACTS}
    known = {name: value for name, value in facts.items() if value is not None}
    rest = {key: value for key, value in header.extra.items() if key not in known}
    return _with_extra({**_present(COMPANY_FIELDS, header.values), **known}, rest)


class _Template:
    """Rows of one table as JSON objects, several times as fast as by way of a dict.

    For each pattern of present columns the object is a format string. A value that JSON escapes
    shows in the result, by its quotes, backslashes, tabs or line feeds: XML allows no others.
    """

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = fields
        self._formats: dict[tuple[bool, ...], tuple[str, int]] = {}

    def objects(self, rows: Sequence[Row]) -> list[str]:
        """Rows whose values are None or not empty."""
        texts, quotes, known = [], 0, self._formats.get
        for row in rows:
            present = tuple(map(bool, row))
            form, count = known(present) or self._new(present)
            texts.append(form % tuple(filter(None, row)))
            quotes += count
        if _is_plain("".join(texts), quotes):
            return texts
        return [_encode(_present(self._fields, row)) for row in rows]

    def _new(self, present: tuple[bool, ...]) -> tuple[str, int]:
        names = [name for name, there in zip(self._fields, present, strict=True) if there]
        form = "{" + ",".join(f'"{name}":"%s"' for name in names) + "}", 4 * len(names)
        if len(self._formats) < _MOST_FORMATS:
            self._formats[present] = form
        return form


def _is_plain(text: str, quotes: int) -> bool:
    escaped = "\\" in text or "\n" in text or "\t" in text
    return not escaped and text.count('"') == quotes


_MOST_FORMATS = 1000  # real files show some tens
_invoice_row = _Template(INVOICE_FIELDS)
_line_row = _Template(LINE_FIELDS)


def _invoice(invoice: Invoice) -> bytes:
    (head,) = _invoice_row.objects((invoice.values,))
    rest = f'"extra":{_encode(invoice.extra)}' if invoice.extra else ""
    start = ",".join(filter(None, ('"record":"invoice"', head[1:-1], rest)))
    return b"".join((b"{", start.encode(), b',"lines":[', *_blocks(invoice.lines), b"]}\n"))


def _blocks(lines: Lines) -> Iterator[bytes]:
    """The lines as JSON, a thousand at a time: an invoice may have 100,000."""
    both = lines.with_extra()
    before = ""
    while block := list(islice(both, 1000)):
        texts = _line_row.objects([row for row, _ in block])
        for n, (_, extra) in enumerate(block):
            if extra:
                texts[n] = f'{texts[n][:-1]},"extra":{_encode(extra)}}}'
        yield (before + ",".join(texts)).encode()
        before = ","


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
