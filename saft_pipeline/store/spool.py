"""Rows on their way to staging, in the text form of Postgres' COPY.

Rows of one file stay in memory while they are few, then go to a temporary file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from tempfile import SpooledTemporaryFile

from saft_pipeline.saft.records import Customer, Header, Invoice, Record

Row = Sequence[str | None]

TABLES = ("companies", "customers", "invoices", "invoice_lines")
_IN_MEMORY = 256 << 10  # bytes
_BUFFERED = 500  # rows
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_row(values: Row) -> str:
    r"""A row in COPY's text form, without the line feed; None is `\N`.

    Raises:
        ValueError: a value holds the character NUL, which Postgres can't store.
    """
    text = "\t".join(["\\N" if v is None else v for v in values])
    plain = text.count("\t") == len(values) - 1 and text.count("\\") == values.count(None)
    if plain and "\n" not in text and "\r" not in text and "\0" not in text:
        return text
    if "\0" in text:
        raise ValueError("a value holds the character NUL, which Postgres can't store")
    return "\t".join(["\\N" if v is None else v.translate(_ESCAPES) for v in values])


class Spool:
    """The rows of one table of one file."""

    def __init__(self, table: str, ledger_id: int) -> None:
        self.table = table
        self.ledger_id = ledger_id
        self.count = 0
        self.size = 0  # characters, as a measure of how much there is to send
        self._rows: list[str] = []
        self._file = SpooledTemporaryFile[bytes](max_size=_IN_MEMORY)

    def append(self, values: Row) -> str:
        """Add a row; returns it in COPY's form, so that who needs a hash of it has it."""
        row = copy_row(values)
        self._rows.append(f"{self.ledger_id}\t{row}\n")
        self.count += 1
        self.size += len(row)
        if len(self._rows) >= _BUFFERED:
            self._flush()
        return row

    def _flush(self) -> None:
        self._file.seek(0, 2)
        self._file.write("".join(self._rows).encode())
        self._rows.clear()

    def batches(self, size: int) -> Iterator[bytes]:
        """All rows from the first, `size` rows at a time, each prefixed by the ledger id."""
        self._flush()
        self._file.seek(0)
        while batch := b"".join(islice(self._file, size)):
            yield batch

    def close(self) -> None:
        """Let go of the rows."""
        self._rows.clear()
        self._file.close()


class FileRows:
    """The spools of one file, by table."""

    def __init__(self, ledger_id: int) -> None:
        self.spools = {table: Spool(table, ledger_id) for table in TABLES}

    @property
    def counts(self) -> dict[str, int]:
        """Rows by table."""
        return {table: spool.count for table, spool in self.spools.items()}

    def write(self, record: Record) -> None:
        """Spool the rows of a record; one that has no table is passed over."""
        if isinstance(record, Invoice):
            self._write_invoice(record)
        elif isinstance(record, Header):
            self.spools["companies"].append(record.values)
        elif isinstance(record, Customer):
            self.spools["customers"].append(record.values)

    def _write_invoice(self, record: Invoice) -> None:
        """Lines are tied to their invoice by its place in the file, `seq`.

        The hash of an invoice and its lines tells publishing whether anything changed.
        """
        invoices, lines = self.spools["invoices"], self.spools["invoice_lines"]
        seq = str(invoices.count)
        content = hashlib.blake2b(copy_row(record.values).encode(), digest_size=16)
        for line in record.lines:
            row = lines.append((seq, *line))
            content.update(row.partition("\t")[2].encode() + b"\n")
        invoices.append((seq, content.hexdigest(), *record.values))

    def close(self) -> None:
        """Let go of all rows."""
        for spool in self.spools.values():
            spool.close()
