"""The series of a file's invoices: gaps, order of time, chain of signatures, references.

Of each series only its runs of numbers are kept, 16 bytes a run: a series without gaps that is
written in its order takes no more memory than one invoice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.documents import is_before
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.identifiers import atcud_parts, invoice_number, value_of
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.seen import Run, SeenKeys

_NUMBER, _ATCUD, _HASH, _CONTROL = of_invoice("invoice_no atcud hash hash_control")
_DATE, _TYPE, _ENTERED, _BILLING = of_invoice(
    "invoice_date invoice_type system_entry_date source_billing"
)
_REFERENCE = of_line("reference")[0]
_MOST_SIGNATURES = 1_398_000  # two thirds of 2^21: 17 MB
_FEW_SIGNATURES = 1 << 16  # 5 MB
_UNSIGNED = (None, "0")
_MOST_SERIES = 10_000  # a file has some tens
_MOST_WAITING = 10_000
_HIGHEST = 1 << 63


class Series:
    """One series, and the invoice of it that was seen last."""

    __slots__ = ("code", "ends", "last", "name", "number", "run", "starts")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.starts = array("Q", (number,))
        self.ends = array("Q", (number,))
        self.number = number
        self.last: Row = ()
        self.code: str | None = None
        self.run: Run | None = None  # of what credit notes are compared with

    def runs(self) -> list[tuple[int, int]]:
        """The numbers seen, as ranges in their order."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(zip(self.starts, self.ends, strict=True)):
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged


class AllSeries:
    """Follows every series of a file."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._series_of_code: dict[str, str] = {}
        self._signatures = SeenKeys(most=_MOST_SIGNATURES, few=_FEW_SIGNATURES)
        self._waiting: list[tuple[int, str | None, str]] = []
        self._left_out = 0

    def series(self, invoice: Invoice) -> Iterable[Finding]:
        """Order and chain: an invoice against the one before it in its series."""
        values = invoice.values
        parts = invoice_number(values[_NUMBER] or "")
        if parts is None or len(parts[1]) > 18 or self.follow(*parts, values):
            return ()
        name, number = parts[0], int(parts[1])
        known = self._series.get(name)
        if known is None:
            if len(self._series) == _MOST_SERIES:
                self._left_out += 1
                return ()
            known = self._series[name] = Series(name, number)
        is_repeated = self._is_repeated(name, values[_HASH])
        return self._looked_at(name, number, known, invoice, is_repeated=is_repeated)

    def follow(self, name: str, digits: str, values: Row) -> Series | None:
        """Take a document that follows the last of its series, if there is nothing to say of it.

        None if there may be, or InvoiceNo has another form; nothing is taken then.
        """
        known = self._series.get(name)
        if known is None or not digits.isdecimal() or len(digits) > 18 or not digits.isascii():
            return None
        number = int(digits)
        if number != known.number + 1 or not _follows(known, values):
            return None
        if self._is_repeated(name, values[_HASH]):
            return None
        known.ends[-1] = known.number = number
        known.last = values
        return known

    def _is_repeated(self, name: str, signature: str | None) -> bool:
        if signature in _UNSIGNED:
            return False
        return self._signatures.add(hash((name, signature))) is not None

    def _looked_at(
        self, name: str, number: int, known: Series, invoice: Invoice, *, is_repeated: bool
    ) -> Iterator[Finding]:
        if number == known.number + 1:
            known.ends[-1] = number
            yield from _after(known, invoice)
        elif known.last:
            known.starts.append(number)
            known.ends.append(number)
            if number > known.number:
                yield from _in_time(known.last, invoice)
        if not (known.code and (invoice.values[_ATCUD] or "").startswith(known.code)):
            yield from self._same_code(name, known, invoice)
        if is_repeated:
            expected = "a signature that no document of the series before has"
            about, found = invoice.values[_NUMBER], invoice.values[_HASH]
            yield finding("hash_repeated", invoice.line, about, expected, f"{found}"[:40])
        if known.last and known.last[_TYPE] != invoice.values[_TYPE]:
            yield from _same_type(known.last, invoice)
        known.number, known.last = number, invoice.values

    def _same_code(self, name: str, known: Series, invoice: Invoice) -> Iterator[Finding]:
        """A series has one validation code, and no two have the same (Portaria 195/2020)."""
        atcud, number = invoice.values[_ATCUD], invoice.values[_NUMBER]
        parts = atcud_parts(atcud or "")
        code = parts[1] if parts else None
        if code and known.code and f"{code}-" != known.code:
            expected = f"{known.code[:-1]}, as before in this series"
            yield finding("atcud", invoice.line, number, expected, atcud)
        elif code and known.code is None:
            known.code = f"{code}-"
            other = self._series_of_code.setdefault(code, name)
            if other != name:
                expected = f"another code than that of series {other}"
                yield finding("atcud_series", invoice.line, number, expected, atcud)

    def references(self, invoice: Invoice) -> Iterator[Finding]:
        """A credit note says what it corrects; what isn't seen yet waits for the file's end."""
        given = [found for row in invoice.lines if (found := row[_REFERENCE]) is not None]
        if not given and invoice.values[_TYPE] == "NC":
            expected, number = "a Reference to what is corrected", invoice.values[_NUMBER]
            yield finding("reference", invoice.line, number, expected, None)
        for reference in given:
            if self._is_seen(reference):
                continue
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append((invoice.line, invoice.values[_NUMBER], reference))
            else:
                self._left_out += 1

    def _is_seen(self, reference: str) -> bool:
        parts = invoice_number(reference)
        known = self._series.get(parts[0]) if parts else None
        if known is None or parts is None or len(parts[1]) > 18:
            return False
        return known.starts[-1] <= int(parts[1]) <= known.ends[-1]

    def finish(self, left_out: int = 0) -> Iterator[Finding]:
        """Gaps, and the references that no document of the file answers."""
        runs = {name: known.runs() for name, known in self._series.items()}
        for name, ranges in runs.items():
            for (_, before), (after, _) in pairwise(ranges):
                expected = f"{name}/{before + 1}"
                if after - before > 2:
                    expected += f" to {name}/{after - 1}"
                yield finding("series_gap", None, f"{name}/{after}", expected, None)
        for line, document, reference in self._waiting:
            yield from _answered(runs, line, document, reference)
        self._left_out += self._signatures.left_out + left_out
        if self._left_out:
            expected = f"at most {_MOST_SERIES:,} series and {_MOST_WAITING:,} open references"
            yield finding("series_limit", None, None, expected, f"{self._left_out} more")


def _answered(
    runs: dict[str, list[tuple[int, int]]], line: int, document: str | None, reference: str
) -> Iterator[Finding]:
    parts = invoice_number(reference)
    ranges = runs.get(parts[0]) if parts else None
    if parts is None:
        expected = "type, blank, series, /, number"
        yield finding("reference", line, document, expected, reference)
    elif ranges is None or value_of(parts[1]) < ranges[0][0]:
        expected = "a document of this file; it may be of an earlier one"
        yield finding("reference_elsewhere", line, document, expected, reference)
    else:
        at = bisect_right(ranges, (value_of(parts[1]), _HIGHEST)) - 1
        if value_of(parts[1]) > ranges[at][1]:
            expected = "a document of this file, which has others of that series before it"
            yield finding("reference", line, document, expected, reference)


def _follows(known: Series, values: Row) -> bool:
    """Whether there is nothing to say of it after the very document before it: most are so."""
    before, code, atcud = known.last, known.code, values[_ATCUD]
    return (
        (atcud is None or atcud == "0" or (code is not None and atcud.startswith(code)))
        and before[_TYPE] == values[_TYPE]
        and before[_CONTROL] == values[_CONTROL]
        and (before[_DATE] or "~") <= (values[_DATE] or "")
        and (before[_ENTERED] or "~") <= (values[_ENTERED] or "")
        and (before[_HASH] in _UNSIGNED) == (values[_HASH] in _UNSIGNED)
    )


def _after(known: Series, invoice: Invoice) -> Iterator[Finding]:
    """Against the very invoice before it."""
    yield from _in_time(known.last, invoice)
    before, now = known.last[_HASH], invoice.values[_HASH]
    if (now in (None, "0")) != (before in (None, "0")):
        is_was = "no signature" if before in (None, "0") else "a signature"
        expected = f"{is_was}, as {known.last[_NUMBER]} has"
        yield finding("hash_chain", invoice.line, invoice.values[_NUMBER], expected, now)
    control, control_before = invoice.values[_CONTROL], known.last[_CONTROL]
    if control != control_before and _key(control) < _key(control_before):
        expected = f"key {control_before} or a later one, as {known.last[_NUMBER]} has"
        yield finding("hash_key", invoice.line, invoice.values[_NUMBER], expected, control)


def _key(control: str | None) -> int:
    """The version of the private key, which HashControl begins with."""
    digits = (control or "").partition("-")[0].partition(".")[0]
    return value_of(digits) if digits.isdecimal() else 0


def _in_time(before: Row, invoice: Invoice) -> Iterator[Finding]:
    """CIVA article 36: numbers follow the order of dates."""
    is_copied = invoice.values[_BILLING] == "M"  # dated by its first support, in whatever order
    for slot in (_ENTERED,) if is_copied else (_DATE, _ENTERED):
        earlier, now = before[slot], invoice.values[slot]
        if now is not None and earlier is not None and is_before(now, earlier):
            expected = f"{earlier} or later, as {before[_NUMBER]} has"
            number = invoice.values[_NUMBER]
            yield finding("series_order", invoice.line, number, expected, now)


def _same_type(before: Row, invoice: Invoice) -> Iterator[Finding]:
    """A series has one InvoiceType (Portaria 302/2016, 4.1.4.1)."""
    now = invoice.values[_TYPE]
    if now is not None and before[_TYPE] is not None:
        expected = f"{before[_TYPE]}, as {before[_NUMBER]} is"
        number = invoice.values[_NUMBER]
        yield finding("series_type", invoice.line, number, expected, now)
