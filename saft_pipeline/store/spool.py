"""Rows on their way to staging, in the text form of Postgres' COPY.

Rows of one file stay in memory while they are few, then go to a temporary file: in the folder
that the caller names, since where others go is memory on some machines (a tmpfs). How many go in
one write, the settings say (`BATCH_SIZE_*`, `Settings.batch_size`).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from saft_pipeline.saft.records import Customer, Header, Invoice, Record, Row

SPOOLED_TABLES = ("companies", "customers", "invoices", "invoice_lines")
NULL = "\b"
"""What stands for None: COPY is told so, and the functions of the migrations know it."""

_IN_MEMORY = 256 << 10  # bytes
_AT_ONCE = 1000  # lines of an invoice
_HASH = 32  # characters
_HEAD = struct.Struct("<II")  # the place of the invoice in its file, and how many bytes follow
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_text(rows: Sequence[Row]) -> bytes:
    """Rows of one table in COPY's text form, UTF-8, with a line feed between them."""
    text = "\n".join(["\t".join([NULL if v is None else v for v in row]) for row in rows])
    if not _is_plain(text, rows):
        text = "\n".join("\t".join(_escaped(v) for v in row) for row in rows)
    return text.encode()


def _is_plain(text: str, rows: Sequence[Row]) -> bool:
    """Whether no value holds a character that has to be escaped."""
    return (
        "\\" not in text
        and "\r" not in text
        and text.count("\n") == len(rows) - 1
        and text.count("\t") == len(rows) * (len(rows[0]) - 1)
    )


def _escaped(value: str | None) -> str:
    return NULL if value is None else value.translate(_ESCAPES)


class Spool:
    """The rows of one table of one file."""

    def __init__(
        self, table: str, ledger_id: int, most: int = _IN_MEMORY, folder: Path | None = None
    ) -> None:
        self.table = table
        self.ledger_id = ledger_id
        self._most = most  # bytes in memory
        self._folder = folder
        self.count = 0
        self.size = 0  # bytes, as a measure of how much there is to send
        self._buffer: list[tuple[int, bytes]] = []
        self._buffered = 0
        self.is_in_file = False
        self._file: IO[bytes] | None = None

    def append(self, text: bytes, count: int, seq: int = 0) -> None:
        """Add rows as `copy_text` gives them; those of an invoice by its place in the file."""
        self._buffer.append((seq, text))
        self.count += count
        self.size += len(text)
        self._buffered += len(text)
        if self._buffered >= self._most:
            self._spill()

    def extend(self, other: Spool, places: int) -> None:
        """Add the rows of another one that are in memory, of invoices so many places further."""
        self._buffer += [(seq + places, text) for seq, text in other._buffer]
        self.count += other.count
        self.size += other.size
        self._buffered += other._buffered
        if self._buffered >= self._most:
            self._spill()

    def _spill(self) -> None:
        heads = (_HEAD.pack(seq, len(text)) + text for seq, text in self._buffer)
        try:
            if self._file is None:
                self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115 - `close` does
                self.is_in_file = True
            self._file.seek(0, 2)
            self._file.write(b"".join(heads))
        except OSError as error:
            error.filename = self._folder
            raise
        self._buffer.clear()
        self._buffered = 0

    def __getstate__(self) -> dict[str, Any]:
        """What another process is sent; it is given the file apart (`fileno`, `take_over`)."""
        return {**self.__dict__, "_file": None}

    def fileno(self) -> int:
        """The file of the rows that are no longer in memory."""
        assert self._file is not None
        self._file.flush()
        return self._file.fileno()

    def take_over(self, fileno: int) -> None:
        """Go on with the file of the spool that this is a copy of."""
        self._file = os.fdopen(fileno, "r+b")

    def _all(self) -> Iterator[tuple[int, bytes]]:
        if self._file is not None:
            self._file.seek(0)
            while head := self._file.read(_HEAD.size):
                seq, size = _HEAD.unpack(head)
                yield seq, self._file.read(size)
        yield from self._buffer

    def keyed(self, key: Callable[[int], bytes | None]) -> Iterator[bytes]:
        """All rows from the first, as text with line feeds; before each what `key` gives for its
        invoice's place, and no rows where it gives None.
        """  # fmt: skip
        for seq, text in self._all():
            if (prefix := key(seq)) is not None:
                yield prefix + text.replace(b"\n", b"\n" + prefix) + b"\n"

    def staged(self) -> Iterator[bytes]:
        """All rows from the first, as staging has them: keyed by the ledger's row and the place."""
        ledger = b"%d\t" % self.ledger_id
        has_place = self.table in ("invoices", "invoice_lines")
        return self.keyed(lambda seq: b"%b%d\t" % (ledger, seq) if has_place else ledger)

    def first_texts(self, column: int, most: int) -> list[str]:
        """A column of the first rows, as they are written: some characters are escaped."""
        return [text.split(b"\t")[column].decode() for _, text in islice(self._all(), most)]

    def links(self, ids: Sequence[int]) -> Iterator[bytes]:
        """For each invoice the file, its own id of `ids`, and the hash that ends its row."""
        for seq, text in self._all():
            yield b"%d\t%d\t%b\n" % (self.ledger_id, ids[seq], text[-_HASH:])

    def close(self) -> None:
        """Let go of the rows."""
        self._buffer.clear()
        if self._file is not None:
            self._file.close()


def in_batches(
    spools: Sequence[Spool], rows_a_write: Mapping[str, int]
) -> Iterator[tuple[str, bytes]]:
    """All staged rows of `spools`, with their table, so many a batch."""
    for table, of_table in groupby(spools, key=lambda spool: spool.table):
        texts = chain.from_iterable(spool.staged() for spool in of_table)
        rows = chain.from_iterable(text.splitlines(keepends=True) for text in texts)
        while batch := b"".join(islice(rows, rows_a_write[table])):
            yield table, batch


class FileRows:
    """The spools of one file, by table, each with so many bytes in memory, the rest in `folder`."""

    def __init__(self, ledger_id: int, most: int = _IN_MEMORY, folder: Path | None = None) -> None:
        self.spools = {table: Spool(table, ledger_id, most, folder) for table in SPOOLED_TABLES}

    @property
    def counts(self) -> dict[str, int]:
        """Rows by table."""
        return {table: spool.count for table, spool in self.spools.items()}

    def write(self, record: Record) -> None:
        """Spool the rows of a record; one that has no table is passed over."""
        if isinstance(record, Invoice):
            self._write_invoice(record)
        elif isinstance(record, Header):
            self.spools["companies"].append(copy_text([record.values]), 1)
        elif isinstance(record, Customer):
            self.spools["customers"].append(copy_text([record.values]), 1)

    def add_invoices(self, other: FileRows) -> None:
        """Add the rows of invoices that were read apart and come next in the file."""
        places = self.spools["invoices"].count
        for table in ("invoices", "invoice_lines"):
            self.spools[table].extend(other.spools[table], places)

    def _write_invoice(self, record: Invoice) -> None:
        """Lines are tied to their invoice by its place in the file, `seq`.

        The hash of an invoice and its lines tells publishing whether anything changed.
        """
        invoices, lines = self.spools["invoices"], self.spools["invoice_lines"]
        seq = invoices.count
        head = copy_text([record.values])
        content = hashlib.sha256(head)
        rest = iter(record.lines)
        while rows := list(islice(rest, _AT_ONCE)):
            text = copy_text(rows)
            content.update(b"\n" + text)
            lines.append(text, len(rows), seq)
        invoices.append(b"%b\t%b" % (head, content.hexdigest()[:_HASH].encode()), 1, seq)

    def close(self) -> None:
        """Let go of all rows."""
        for spool in self.spools.values():
            spool.close()
