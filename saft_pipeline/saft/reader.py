"""Reading a SAF-T (PT) file: its records one by one, in constant memory.

The text goes to libxml2 first, which judges whether it is well-formed, and only then, a piece
later, to our own reading of tags and values: so that nothing is read from what isn't XML, and
each value's line and column is known.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from saft_pipeline.saft.content import Content
from saft_pipeline.saft.encoding import Text, detect
from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.records import Record, Warning_
from saft_pipeline.saft.sniff import refuse_other_formats, refuse_other_text
from saft_pipeline.saft.tally import Tally
from saft_pipeline.saft.wellformed import Judge

_HEAD = 1 << 12
_IN_MEMORY = 1 << 20


def read(source: BinaryIO | Path, *, name: str) -> Document:
    """Open a SAF-T (PT) file, or take an open one from its current position on.

    `name` is what messages call it. Raises OSError if it can't be opened. What can't be read
    twice (a pipe) is copied to a temporary file first: the encoding is told from all the bytes.
    """
    opened: BinaryIO = source.open("rb") if isinstance(source, Path) else source
    if opened.seekable():
        return Document(opened, name=name, owned=opened is not source)
    copy = _copied(opened)
    if opened is not source:
        opened.close()
    return Document(copy, name=name, owned=True)


def _copied(source: BinaryIO) -> BinaryIO:
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
        self.content = Content(Tally())

    @property
    def warnings(self) -> list[Warning_]:
        """What is odd but could be read: dicts with `code`, `message` and `line` (or None)."""
        return self.content.tally.notes.warnings

    @property
    def size(self) -> int:
        """Bytes from the current position to the end."""
        start = self._source.tell()
        end = self._source.seek(0, os.SEEK_END)
        self._source.seek(start)
        return end - start

    def __iter__(self) -> Iterator[Record]:
        with self.named():
            for text, last in self.judged():
                yield from self.content.read(text, last=last)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Put the file's name into errors."""
        try:
            yield
        except SaftError as error:
            error.name = self._name
            raise

    def judged(self) -> Iterator[tuple[str, bool]]:
        """Each piece of text once libxml2 has taken the next, the last once it has taken all."""
        start = self._source.tell()
        refuse_other_formats(self._source.read(_HEAD))
        self._source.seek(start)
        encoding = detect(self._source)
        self._source.seek(start)
        text = Text(self._source, encoding)
        for piece, last in _judged(text):
            if last:
                self.content.tally.notes.add_all(encoding.notes)
            yield piece, last

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _judged(text: Text) -> Iterator[tuple[str, bool]]:
    judge, waiting = Judge(text.place_after), ""
    for piece in text:
        if not judge.has_begun:
            refuse_other_text(piece)
        judge.feed(piece)
        if waiting:
            yield waiting, False
        waiting = piece
    judge.close()
    yield waiting, True
