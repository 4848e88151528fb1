"""The series of a file's invoices: gaps, order of time, chain of signatures, references.

Of each series only its runs of numbers are kept, 16 bytes a run: a series without gaps that is
written in its order takes no more memory than one invoice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import itemgetter

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.documents import is_before
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.identifiers import (
    SIGNED_SINCE,
    are_parts,
    atcud_parts,
    invoice_number,
    value_of,
)
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.seen import Run, SeenKeys

# What is kept of the last of a series, in this order.
OF_LAST = of_invoice(
    "invoice_no invoice_date invoice_type hash_control system_entry_date hash atcud source_billing"
)
_NUMBER, _DATE, _TYPE, _CONTROL, _ENTERED, _HASH, _ATCUD, _BILLING = range(len(OF_LAST))
_last_of = itemgetter(*OF_LAST)
_REFERENCE = of_line("reference")[0]
_MOST_SIGNATURES = 1_398_000  # two thirds of 2^21: 17 MB
_FEW_SIGNATURES = 1 << 16  # 5 MB
_MOST_SERIES = 10_000  # a file has some tens
_MOST_WAITING = 10_000
_HIGHEST = 1 << 63
_MOST_DIGITS = 18

_Said = tuple[str, str, str | None]  # rule, expected, found


class Series:
    """One series, and the invoice of it that was seen last."""

    __slots__ = ("code", "ends", "is_signed", "last", "name", "number", "run", "starts")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.starts = array("Q", (number,))
        self.ends = array("Q")  # of all runs but the last
        self.number = number
        self.last: Row = ()
        self.is_signed = False  # the last one
        self.code: str | None = None  # with its hyphen
        self.run: Run | None = None  # of what credit notes are compared with

    def runs(self) -> list[tuple[int, int]]:
        """The numbers seen, as ranges in their order."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(zip(self.starts, (*self.ends, self.number), strict=True)):
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
        now = _last_of(invoice.values)
        parts = invoice_number(now[_NUMBER] or "")
        if parts is None or len(parts[1]) > _MOST_DIGITS or self.follow(*parts, now):
            return ()
        name, number = parts[0], int(parts[1])
        known = self._series.get(name)
        if known is None:
            if len(self._series) == _MOST_SERIES:
                self._left_out += 1
                return ()
            known = self._series[name] = Series(name, number)
        found = self._looked_at(number, known, now)
        return [finding(rule, invoice.line, now[_NUMBER], *said) for rule, *said in found]

    def follow(self, name: str, digits: str, now: Row) -> Series | None:
        """Take a document that follows the last of its series, if there is nothing to say of it.

        `now` begins with `OF_LAST` of it. None if there may be something, or InvoiceNo has another
        form; nothing is taken then. The first of a series follows none.
        """
        known = self._series.get(name)
        if known is None:
            return self._begin(name, digits, now)
        number = known.number + 1
        if not (_is_written(number, digits) and _follows(known, now)):
            return None
        if known.is_signed and self._signatures.add(hash((name, now[_HASH]))) is not None:
            return None
        known.number, known.last = number, now
        return known

    def _begin(self, name: str, digits: str, now: Row) -> Series | None:
        code, signature = atcud_parts(now[_ATCUD] or ""), now[_HASH]
        if code is None or not are_parts(name, digits) or len(digits) > _MOST_DIGITS:
            return None
        if len(self._series) >= _MOST_SERIES or code[1] in self._series_of_code:
            return None
        is_signed = _is_signed(signature)
        if is_signed and self._signatures.add(hash((name, signature))) is not None:
            return None
        known = self._series[name] = Series(name, int(digits))
        self._series_of_code[code[1]] = name
        known.code, known.last, known.is_signed = f"{code[1]}-", now, is_signed
        return known

    def _looked_at(self, number: int, known: Series, now: Row) -> Iterator[_Said]:
        if number == known.number + 1:
            yield from _after(known.last, now)
        elif known.last:
            if known.starts[-1] <= number <= known.number:
                yield "repeated_number", "a number that no document before has", now[_NUMBER]
            known.starts.append(number)
            known.ends.append(known.number)
            if number > known.number:
                yield from _in_time(known.last, now)
        if not (known.code and (now[_ATCUD] or "").startswith(known.code)):
            yield from self._same_code(known, now[_ATCUD])
        is_signed = _is_signed(now[_HASH])
        if is_signed and self._signatures.add(hash((known.name, now[_HASH]))) is not None:
            expected = "a signature that no document of the series before has"
            yield "hash_repeated", expected, f"{now[_HASH]}"[:40]
        if known.last and known.last[_TYPE] != now[_TYPE]:
            yield from _same_type(known.last, now)
        known.number, known.last, known.is_signed = number, now, is_signed

    def _same_code(self, known: Series, atcud: str | None) -> Iterator[_Said]:
        """A series has one validation code, and no two have the same (Portaria 195/2020)."""
        parts = atcud_parts(atcud or "")
        code = parts[1] if parts else None
        if code and known.code and f"{code}-" != known.code:
            yield "atcud", f"{known.code[:-1]}, as before in this series", atcud
        elif code and known.code is None:
            known.code = f"{code}-"
            other = self._series_of_code.setdefault(code, known.name)
            if other != known.name:
                yield "atcud_series", f"another code than that of series {other}", atcud

    def references(self, invoice: Invoice) -> Iterator[Finding]:
        """A credit note says what it corrects; what isn't seen yet waits for the file's end."""
        given = [found for row in invoice.lines if (found := row[_REFERENCE]) is not None]
        number, _, kind, *_ = _last_of(invoice.values)
        if not given and kind == "NC":
            expected = "a Reference to what is corrected"
            yield finding("reference", invoice.line, number, expected, None)
        for reference in given:
            if reference == number:
                yield finding("reference", invoice.line, number, "another document", reference)
            if self.is_seen(reference):
                continue
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append((invoice.line, number, reference))
            else:
                self._left_out += 1

    def is_seen(self, reference: str) -> bool:
        """Whether a document came before, for sure."""
        parts = invoice_number(reference)
        known = self._series.get(parts[0]) if parts else None
        if known is None or parts is None or len(parts[1]) > _MOST_DIGITS:
            return False
        return known.starts[-1] <= int(parts[1]) <= known.number

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


def _is_signed(signature: str | None) -> bool:
    return signature is not None and signature != "0"


def _is_written(number: int, digits: str) -> bool:
    """Whether digits write a number, with zeros before it or not."""
    if len(digits) > _MOST_DIGITS:
        return False
    return digits == str(number) or (
        digits.isascii() and digits.isdecimal() and int(digits) == number
    )


def _follows(known: Series, now: Row) -> bool:
    """Whether there is nothing to say of it after the very document before it: most are so."""
    before, code, atcud, signature = known.last, known.code, now[_ATCUD], now[_HASH]
    return (
        (atcud is None or atcud == "0" or (code is not None and atcud.startswith(code)))
        and (signature is not None and signature != "0") is known.is_signed
        and before[_TYPE] == now[_TYPE]
        and before[_CONTROL] == now[_CONTROL]
        and (before[_DATE] or "~") <= (now[_DATE] or "")
        and (before[_ENTERED] or "~") <= (now[_ENTERED] or "")
    )


def _after(before: Row, now: Row) -> Iterator[_Said]:
    """Against the very invoice before it."""
    yield from _in_time(before, now)
    was_signed = _is_signed(before[_HASH])
    is_first = not was_signed and (before[_DATE] or SIGNED_SINCE) < SIGNED_SINCE
    if _is_signed(now[_HASH]) != was_signed and not is_first:
        is_was = "a signature" if was_signed else "no signature"
        yield "hash_chain", f"{is_was}, as {before[_NUMBER]} has", now[_HASH]
    control, control_before = now[_CONTROL], before[_CONTROL]
    if control != control_before and _key(control) < _key(control_before):
        expected = f"key {control_before} or a later one, as {before[_NUMBER]} has"
        yield "hash_key", expected, control


def _key(control: str | None) -> int:
    """The version of the private key, which HashControl begins with."""
    digits = (control or "").partition("-")[0].partition(".")[0]
    return value_of(digits) if digits.isdecimal() else 0


def _in_time(before: Row, now: Row) -> Iterator[_Said]:
    """CIVA article 36: numbers follow the order of dates."""
    is_copied = now[_BILLING] == "M"  # dated by its first support, in whatever order
    for slot in (_ENTERED,) if is_copied else (_DATE, _ENTERED):
        earlier, later = before[slot], now[slot]
        if later is not None and earlier is not None and is_before(later, earlier):
            yield "series_order", f"{earlier} or later, as {before[_NUMBER]} has", later


def _same_type(before: Row, now: Row) -> Iterator[_Said]:
    """A series has one InvoiceType (Portaria 302/2016, 4.1.4.1)."""
    if now[_TYPE] is not None and before[_TYPE] is not None:
        yield "series_type", f"{before[_TYPE]}, as {before[_NUMBER]} is", now[_TYPE]
