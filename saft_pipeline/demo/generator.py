"""SAF-T (PT) files that look real, the same bytes at every call: the samples of the demo.

Beside them what benchmarks and tests want: any number of tiny files, and one file of any size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import BinaryIO, Literal

from saft_pipeline.demo import documents
from saft_pipeline.demo.companies import BRANCHES
from saft_pipeline.demo.documents import FileTotals, Period
from saft_pipeline.demo.invoices import ROUND, SampleInvoice, Till, document_at

_WINDOWS = ("Windows-1252", "cp1252")  # what is declared, and Python's codec
_UTF_8 = ("UTF-8", "utf-8")
_LIE = ("Windows-1252", "utf-8")

WRONG = 3

_STEPS_OF_A_TILL = 30 * len(ROUND)  # days: its series stays within the year
_TILLS_APART = 100

_MONTHS_DAYS = 30
_FIRST_OF_MONTH = datetime.fromisoformat("2025-06-01T09:00")
_MONTHS_TILL = Till(BRANCHES[0], 201, per_day=12, first_day=_FIRST_OF_MONTH)

# A number whose digits stand nowhere else in a block, so that they can be exchanged for others.
_FIRST_OF_MANY = 70000
_BLOCKS_DAYS = 125
_BLOCKS_TILL = Till(BRANCHES[0], _FIRST_OF_MANY, per_day=len(ROUND))


@dataclass(frozen=True)
class Sample:
    """A file for the inbox: where it goes below it, its bytes, and the state it will end in."""

    path: str
    content: bytes
    expected: Literal["loaded", "failed", "incomplete"] = "loaded"


def samples(count: int) -> Iterator[Sample]:
    """As many samples as asked for, at least 3: a month's export, one broken, one half-uploaded.

    All others hold one invoice; that of number `WRONG` does not add up. No invoice is in two.
    """
    yield _month()
    for number in range(count - 3):
        yield _wrong(number) if number == WRONG else invoice_file(number)
    yield _broken(count - 3)
    yield _half_uploaded(count - 2)


def invoice_file(number: int, *, cancelled: bool = False) -> Sample:
    """A file of about 6 KB with one invoice, another for each number from 0 on.

    `cancelled` is the same file as it is exported again two days later: the invoice has status A.
    """
    found = _invoice(number)
    if cancelled:
        found = replace(found, invoice_status="A")
    declared, codec = _encoding(number)
    text = documents.audit_file([found], _days(found), declared)
    branch = found.till.branch.name
    name = found.invoice_no.replace(" ", "").replace("/", "_")
    return Sample(f"{branch}/{name}-{branch}.xml", text.encode(codec))


def write_large(target: BinaryIO, megabytes: int) -> FileTotals:
    """Write a valid file of about so many million bytes in Windows-1252; gives what it declares.

    It is one block again and again, of another till each time, so InvoiceNo and ATCUD differ.
    """
    invoices = _all_of(_BLOCKS_TILL, _BLOCKS_DAYS)
    declared, codec = _WINDOWS
    block = "".join(map(documents.invoice, invoices)).encode(codec)
    blocks = max(1, round(megabytes * 1_000_000 / len(block)))
    totals = documents.file_totals(invoices).times(blocks)
    period = _period(_BLOCKS_TILL, _BLOCKS_DAYS)
    target.write(documents.opening(invoices, totals, period, declared).encode(codec))
    for till in range(_FIRST_OF_MANY, _FIRST_OF_MANY + blocks):
        target.write(block.replace(b"%d" % _FIRST_OF_MANY, b"%d" % till))
    target.write(documents.closing().encode(codec))
    return totals


def _invoice(number: int) -> SampleInvoice:
    """Each branch writes one document a day, until its till has written enough."""
    day, place = divmod(number, len(BRANCHES))
    branch = BRANCHES[place]
    tills, step = divmod(day + branch.first_step, _STEPS_OF_A_TILL)
    return document_at(Till(branch, branch.till + tills * _TILLS_APART), step)


def _encoding(number: int) -> tuple[str, str]:
    if number == 1:
        return _LIE
    return _UTF_8 if number % 5 == 2 else _WINDOWS


def _month() -> Sample:
    """What the head office exports once a month, receipts and all: some hundreds of invoices."""
    invoices = _all_of(_MONTHS_TILL, _MONTHS_DAYS)
    period = _period(_MONTHS_TILL, _MONTHS_DAYS)
    declared, codec = _WINDOWS
    text = documents.audit_file(invoices, period, declared, with_receipts=True)
    nif = _MONTHS_TILL.branch.company.tax_registration_number
    return Sample(f"SAFT_{nif}_{period.start:%Y-%m}.xml", text.encode(codec))


def _broken(number: int) -> Sample:
    """A decimal comma in a price, as a program writes that was set to Portuguese by mistake."""
    whole = invoice_file(number)
    content = re.sub(rb"(<UnitPrice>\d+)\.", rb"\1,", whole.content, count=1)
    return Sample(whole.path, content, "failed")


def _wrong(number: int) -> Sample:
    """A GrossTotal of a euro too much, which is loaded for all that: a check says so."""
    whole = invoice_file(number)

    def more(total: re.Match[bytes]) -> bytes:
        return b"<GrossTotal>%d" % (int(total[1]) + 1)

    content = re.sub(rb"<GrossTotal>(\d+)", more, whole.content, count=1)
    return Sample(whole.path, content)


def _half_uploaded(number: int) -> Sample:
    whole = invoice_file(number)
    return Sample(whole.path, whole.content[: len(whole.content) * 2 // 3], "incomplete")


def _all_of(till: Till, days: int) -> Sequence[SampleInvoice]:
    return [document_at(till, step) for step in range(days * till.per_day)]


def _days(found: SampleInvoice) -> Period:
    """A file of one invoice, made when it last changed."""
    day = found.system_entry_date.date()
    return Period(day, day, found.status_date.date())


def _period(till: Till, days: int) -> Period:
    """A file of some days, made three days later, when all of their documents were settled."""
    first = till.first_day.date()
    return Period(first, first + timedelta(days - 1), first + timedelta(days + 2))
