"""Reading a SAF-T (PT) file: its records one by one, in constant memory.

libxml2 reads the text; what it has read is taken from its tree. Where a file is refused, expat
takes a second look for the column.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self, cast

from saft_pipeline.saft.encoding import Text, detect
from saft_pipeline.saft.errors import RepeatedError, SaftError
from saft_pipeline.saft.places import place_of
from saft_pipeline.saft.records import FileWarning, Record
from saft_pipeline.saft.sniff import refuse_other_formats
from saft_pipeline.saft.splitting import Chunk, Splitter
from saft_pipeline.saft.totals import RunningTotals

_HEAD = 1 << 12
_IN_MEMORY = 1 << 20


def read_document(source: BinaryIO | Path, *, name: str) -> Document:
    """Open a SAF-T (PT) file, or take an open one from its current position on.

    `name` is what messages call it. Raises OSError if it can't be opened. What can't be read
    twice (a pipe) is copied to a temporary file first: the encoding is told from all the bytes.
    """
    opened: BinaryIO = source.open("rb") if isinstance(source, Path) else source
    if opened.seekable():
        return Document(opened, name=name, owned=opened is not source)
    copy = copied(opened)
    if opened is not source:
        opened.close()
    return Document(copy, name=name, owned=True)


def copied(source: BinaryIO) -> BinaryIO:
    """What is left of a stream, in a temporary file that can be read again from its beginning."""
    import shutil  # these take as long to import as a tiny file takes to read
    import tempfile

    copy = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the Document closes it
    shutil.copyfileobj(source, copy)
    copy.seek(0)
    return cast(BinaryIO, copy)


class Document:
    """A file's records, once: the Header first, Totals last. A context manager.

    Iterating raises SaftError where the file can't be read: nothing that was yielded before may
    then be published. `warnings` is complete after the last record.
    """

    def __init__(self, source: BinaryIO, *, name: str, owned: bool) -> None:
        self._source = source
        self._name = name
        self._owned = owned
        self._text: Text | None = None
        self._start = source.tell()
        self.totals = RunningTotals()

    @property
    def warnings(self) -> list[FileWarning]:
        """What is odd but could be read: dicts with `code`, `message` and `line` (or None)."""
        return self.totals.warnings.kept

    @property
    def warning_counts(self) -> Mapping[str, int]:
        """How many there were of each kind, beyond those kept, too."""
        return self.totals.warnings.counts

    @property
    def size(self) -> int:
        """Bytes from the current position to the end."""
        start = self._source.tell()
        end = self._source.seek(0, os.SEEK_END)
        self._source.seek(start)
        return end - start

    def __iter__(self) -> Iterator[Record]:
        given = 0
        with self.placed():
            try:
                for record in self._records():
                    yield record
                    given += 1
            except RepeatedError:
                yield from islice(self.exactly(), given, None)

    def _records(self) -> Iterator[Record]:
        splitter = self.splitter()
        for part in splitter.parts():
            yield from splitter.read(part) if isinstance(part, Chunk) else part

    def exactly(self) -> Iterator[Record]:
        """All records anew, where each invoice is compared by all that it says."""
        self.totals = RunningTotals(exact=True)
        self._source.seek(self._start)
        yield from self._records()

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Put the file's name into errors, and the column where it isn't known yet."""
        try:
            yield
        except SaftError as error:
            error.name = self._name
            if error.column is None and error.line and error.sought and self._text:
                place = place_of(self._text.again(), error.line, *error.sought)
                error.line, error.column = place or (error.line, None)
            raise

    def splitter(self) -> Splitter:
        """Who reads the text, whose encoding is told from all the bytes."""
        refuse_other_formats(self._source.read(_HEAD))
        self._source.seek(self._start)
        encoding = detect(self._source)
        self._source.seek(self._start)
        self.totals.warnings.add_all(encoding.warnings)
        encoding.warnings = self.totals.warnings
        self._text = Text(self._source, encoding)
        return Splitter(self._text, self.totals)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
