"""What a document is read into. All values are text ready for Postgres, or None where absent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, overload

if TYPE_CHECKING:
    from saft_pipeline.saft.forms import Form
    from saft_pipeline.saft.invoices import InvoiceLayout

_SHORT = 1000  # characters

Row = tuple[str | None, ...]
Extra = dict[str, Any]
Whole = tuple["InvoiceLayout", list["str | None"]]
Value = str | Extra | list[Any] | None  # all that is in an element


# What the Header says of the file, as attributes of the record.
HEADER_FACTS = (
    "audit_file_version",
    "date_created",
    "start_date",
    "end_date",
    "fiscal_year",
    "tax_accounting_basis",
)


@dataclass(slots=True)
class Header:
    """The Header: `values` are `COMPANY_FIELDS`, `extra_json` as of an Invoice."""

    values: Row
    line: int
    audit_file_version: str | None = None
    date_created: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    fiscal_year: str | None = None
    tax_accounting_basis: str | None = None
    extra_json: str = ""

    @property
    def extra(self) -> Extra:
        """What has no column, the attributes too."""
        facts = {name: value for name in HEADER_FACTS if (value := getattr(self, name))}
        return facts | object_of(self.extra_json)


@dataclass(slots=True)
class Customer:
    """A MasterFiles/Customer: `values` are `CUSTOMER_FIELDS`; `extra_json` as of an Invoice."""

    values: Row
    line: int
    extra_json: str = ""

    @property
    def extra(self) -> Extra:
        """What has no column."""
        return object_of(self.extra_json)


class Lines(Sequence[Row]):
    """An invoice's lines, rows of `LINE_FIELDS`, which can be kept compactly.

    A row of 21 strings takes a kilobyte; an invoice may have 100,000 of them.
    """

    # Characters that XML 1.0 forbids, so that no value holds them.
    _FIELD, _ROW, _NONE = "\x1f", "\x1e", "\x1d"

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._extras: list[str] = []
        self._packs: list[bytes] = []
        self._packed = 0
        self.packed_size = 0  # bytes
        self.numbered_by_position = False
        self.have_extras = False

    def append(self, row: Row, extra_json: str = "") -> None:
        """Add a line and what it holds beyond the columns, as members of a JSON object."""
        self.extend([row], [extra_json])

    def extend(self, rows: Sequence[Row], extras: Sequence[str]) -> None:
        """Add several."""
        self._rows += rows
        self._extras += extras
        self.have_extras = self.have_extras or any(extras)

    def pack(self) -> None:
        """Store what was added until now compactly."""
        if not self._rows:
            return
        pack = self._ROW.join(
            self._FIELD.join([*(self._NONE if v is None else v for v in row), extra])
            for row, extra in zip(self._rows, self._extras, strict=True)
        ).encode()
        self._packs.append(pack)
        self._packed += len(self._rows)
        self.packed_size += len(pack)
        self._rows, self._extras = [], []

    def _unpacked(self, pack: bytes) -> Iterator[tuple[Row, str]]:
        for text in pack.decode().split(self._ROW):
            *values, extra = text.split(self._FIELD)
            yield tuple([None if v == self._NONE else v for v in values]), extra

    def blocks(self) -> Iterator[list[tuple[Row, str]]]:
        """Each line with what it holds beyond the columns as members of a JSON object.

        As many at a time as memory should hold.
        """
        if not self._packs and not self.numbered_by_position:
            if self._rows:
                yield list(zip(self._rows, self._extras, strict=True))
            return
        number = 1
        last = zip(self._rows, self._extras, strict=True)
        for both in (*map(self._unpacked, self._packs), last):
            block = list(both)
            if self.numbered_by_position:
                block = [((str(n), *row[1:]), e) for n, (row, e) in enumerate(block, number)]
                number += len(block)
            if block:
                yield block

    def __iter__(self) -> Iterator[Row]:
        if not self._packs and not self.numbered_by_position:
            return iter(self._rows)
        return (row for row, _ in chain.from_iterable(self.blocks()))

    def __len__(self) -> int:
        return self._packed + len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return list(self)[index]


class Invoice:
    """A SalesInvoices/Invoice: `values` are `INVOICE_FIELDS`, each line is `LINE_FIELDS`.

    `extra_json` is what has no column, as the members of a JSON object: most readers of invoices
    don't ask for it, and it is written as it is. `whole` is what all of these are picked from, when
    they are asked for; `form` and `text` are those of a usual one.
    """

    __slots__ = ("extra_json", "form", "line", "lines", "text", "values", "whole")
    values: Row
    lines: Lines
    extra_json: str
    form: Form | None
    text: str

    def __init__(self, values: Row, lines: Lines, line: int, extra_json: str = "") -> None:
        self.values = values
        self.lines = lines
        self.line = line
        self.extra_json = extra_json
        self.whole: Whole | None = None

    @classmethod
    def of(cls, whole: Whole, line: int, form: Form | None, text: str) -> Invoice:
        """One of which nothing is picked yet."""
        invoice = cls.__new__(cls)
        invoice.whole, invoice.line, invoice.form, invoice.text = whole, line, form, text
        return invoice

    def __getattr__(self, name: str) -> Any:
        """What wasn't asked for until now."""
        if name not in ("values", "lines", "extra_json") or not self.whole:
            raise AttributeError(name)
        layout, values = self.whole
        if name == "values":
            self.values = layout.row(values)
        elif name == "lines":
            self.lines = Lines()
            self.lines.extend(layout.rows(values), layout.extras(values))
        else:
            self.extra_json = layout.extra_json(values)
        return getattr(self, name)

    def number_lines(self) -> None:
        """Number its lines by position."""
        _ = self.values, self.extra_json
        self.lines.numbered_by_position = True
        self.whole = None

    @property
    def extra(self) -> Extra:
        """What has no column."""
        return object_of(self.extra_json)


def object_of(members: str) -> Extra:
    """What is not to be changed: who asks for the same again gets the same."""
    return _short_object(members) if len(members) < _SHORT else _read(members)


def _read(members: str) -> Extra:
    found: Extra = json.loads(f"{{{members}}}")
    return found


_short_object = lru_cache(maxsize=256)(_read)  # headers and tax tables of many files are alike


@dataclass(slots=True)
class Other:
    """Anything else that is kept: `kind` is product, supplier or tax_table_entry."""

    kind: str
    json: str  # its members, as those of `extra_json`
    line: int

    @property
    def row(self) -> Extra:
        """All that it holds."""
        return object_of(self.json)


class ControlTotals(NamedTuple):
    """NumberOfEntries, TotalDebit and TotalCredit, amounts as exact decimals."""

    number_of_entries: int | None
    total_debit: str | None
    total_credit: str | None


@dataclass(slots=True)
class Totals:
    """What the file declares of its invoices and what they come to, and how much was read.

    `sections` has the same of MovementOfGoods, WorkingDocuments and Payments, where they are;
    `section_lines` says where each begins.
    """

    declared: ControlTotals
    computed: ControlTotals
    invoices: int = 0
    lines: int = 0
    customers: int = 0
    sections: dict[str, dict[str, dict[str, int | str | None]]] = field(default_factory=dict)
    section_lines: dict[str, int] = field(default_factory=dict)


Record = Header | Customer | Invoice | Other | Totals
FileWarning = dict[str, Any]
