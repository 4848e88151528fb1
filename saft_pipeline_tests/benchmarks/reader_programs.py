"""What the reader's benchmark runs as processes of their own: `python -m MODULE WHAT [PATH]`.

Each prints one JSON document: its peak of resident memory in megabytes (10^6 bytes).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

_HEAD = b"""<?xml version="1.0" encoding="Windows-1252"?>
<AuditFile xmlns="urn:OECD:StandardAuditFile-Tax:PT_1.04_01"><Header>
<AuditFileVersion>1.04_01</AuditFileVersion><TaxRegistrationNumber>599999993</TaxRegistrationNumber>
<FiscalYear>2025</FiscalYear><StartDate>2025-01-01</StartDate><EndDate>2025-12-31</EndDate>
<CurrencyCode>EUR</CurrencyCode><DateCreated>2026-01-05</DateCreated></Header>
"""
_CUSTOMER = b"""<Customer><CustomerID>%d</CustomerID><AccountID>Desconhecido</AccountID>
<CustomerTaxID>999999990</CustomerTaxID><CompanyName>Cliente n\xba %d</CompanyName>
<BillingAddress><AddressDetail>Rua</AddressDetail><City>Faro</City><PostalCode>8000-000</PostalCode>
<Country>PT</Country></BillingAddress><SelfBillingIndicator>0</SelfBillingIndicator></Customer>
"""
_TRANSACTION = b"""<Transaction><TransactionID>2025-01-31 1 %d</TransactionID><Period>1</Period>
<TransactionDate>2025-01-31</TransactionDate><SourceID>ana</SourceID><Description>Venda</Description>
<DocArchivalNumber>%d</DocArchivalNumber><TransactionType>N</TransactionType>
<GLPostingDate>2025-01-31</GLPostingDate><Lines><DebitLine><RecordID>1</RecordID>
<AccountID>21111</AccountID><SystemEntryDate>2025-01-31T10:00:00</SystemEntryDate>
<Description>Cliente</Description><DebitAmount>12.30</DebitAmount></DebitLine><CreditLine>
<RecordID>2</RecordID><AccountID>71111</AccountID>
<SystemEntryDate>2025-01-31T10:00:00</SystemEntryDate><Description>Venda</Description>
<CreditAmount>12.30</CreditAmount></CreditLine></Lines></Transaction>
"""
_BEGIN_INVOICE = b"""<Invoice>
<InvoiceNo>FT A/%d</InvoiceNo><ATCUD>ABCD1234-%d</ATCUD><DocumentStatus>
<InvoiceStatus>N</InvoiceStatus><InvoiceStatusDate>2025-03-01T10:00:00</InvoiceStatusDate>
<SourceID>ana</SourceID><SourceBilling>P</SourceBilling></DocumentStatus><Hash>0</Hash>
<HashControl>0</HashControl><Period>3</Period><InvoiceDate>2025-03-01</InvoiceDate>
<InvoiceType>FT</InvoiceType><SpecialRegimes><SelfBillingIndicator>0</SelfBillingIndicator>
<CashVATSchemeIndicator>0</CashVATSchemeIndicator>
<ThirdPartiesBillingIndicator>0</ThirdPartiesBillingIndicator></SpecialRegimes>
<SourceID>ana</SourceID><SystemEntryDate>2025-03-01T10:00:00</SystemEntryDate>
<CustomerID>1</CustomerID>
"""
_LINE = b"""<Line><LineNumber>%d</LineNumber><ProductCode>P1</ProductCode>
<ProductDescription>P\xe3o de centeio \xe0s fatias, 500 g</ProductDescription><Quantity>1</Quantity>
<UnitOfMeasure>UN</UnitOfMeasure><UnitPrice>10.00</UnitPrice><TaxPointDate>2025-03-01</TaxPointDate>
<Description>P\xe3o de centeio \xe0s fatias, 500 g</Description><CreditAmount>10.00</CreditAmount>
<Tax><TaxType>IVA</TaxType><TaxCountryRegion>PT</TaxCountryRegion><TaxCode>NOR</TaxCode>
<TaxPercentage>23</TaxPercentage></Tax><SettlementAmount>0.00</SettlementAmount></Line>
"""
_END_INVOICE = b"""<DocumentTotals><TaxPayable>2.30</TaxPayable><NetTotal>10.00</NetTotal>
<GrossTotal>12.30</GrossTotal></DocumentTotals></Invoice>
"""
_SALES = b"<SourceDocuments><SalesInvoices><NumberOfEntries>1</NumberOfEntries>\n"
_END = b"</SalesInvoices></SourceDocuments></AuditFile>\n"

GIGABYTE = 1_000_000_000


def invoices(size: int) -> Iterator[bytes]:
    """So many bytes of invoices."""
    yield _HEAD + _SALES
    one = len(_signed(10**6))
    yield from map(_signed, range(1, size // one))
    yield _END


def _signed(number: int) -> bytes:
    """An invoice with a signature of its own."""
    signature = base64.b64encode(hashlib.shake_128(b"%d" % number).digest(128))
    return _invoice(number).replace(b"<Hash>0<", b"<Hash>%b<" % signature)


def _invoice(number: int) -> bytes:
    lines = b"".join(_LINE % n for n in (1, 2, 3))
    return _BEGIN_INVOICE % (number, number) + lines + _END_INVOICE


def ledger(size: int) -> Iterator[bytes]:
    """So many bytes of GeneralLedgerEntries before one invoice."""
    yield _HEAD + b"<GeneralLedgerEntries><Journal><JournalID>1</JournalID>"
    one = len(_TRANSACTION % (10**6, 10**6))
    yield from (_TRANSACTION % (n, n) for n in range(size // one))
    yield b"</Journal></GeneralLedgerEntries>" + _SALES + _invoice(1) + _END


def customers(count: int) -> Iterator[bytes]:
    """So many customers."""
    yield _HEAD + b"<MasterFiles>"
    yield from (_CUSTOMER % (n, n) for n in range(count))
    yield b"</MasterFiles>" + _SALES + _END


def lines(count: int) -> Iterator[bytes]:
    """One invoice of so many lines."""
    yield _HEAD + _SALES + _BEGIN_INVOICE % (1, 1)
    yield from (_LINE % n for n in range(1, count + 1))
    yield _END_INVOICE + _END


LARGE: dict[str, Callable[[], Iterator[bytes]]] = {
    "2 GB of invoices": lambda: invoices(2 * GIGABYTE),
    "1 GB of ledger entries before an invoice": lambda: ledger(GIGABYTE),
    "1,000,000 customers": lambda: customers(1_000_000),
    "one invoice of 100,000 lines": lambda: lines(100_000),
}


class Generated(io.RawIOBase):
    """A file that is made as it is read, and again from its beginning when that is sought."""

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        self._make = make
        self._parts = make()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        assert (offset, whence) == (0, 0)
        self._parts, self._rest = self._make(), b""
        return 0

    def read(self, size: int = -1) -> bytes:
        got, count = [self._rest], len(self._rest)
        while count < size and (part := next(self._parts, b"")):
            got.append(part)
            count += len(part)
        data = b"".join(got)
        self._rest = data[size:]
        return data[:size]


def floor(path: Path) -> None:
    """lxml's iterparse over Invoice, with nothing extracted."""
    from lxml import etree

    for _, element in etree.iterparse(path, tag="{*}Invoice"):
        element.clear()


def rows(path: Path) -> None:
    """This package, without NDJSON."""
    from saft_pipeline.saft.reader import read_document
    from saft_pipeline.saft.records import Invoice

    with read_document(path, name=str(path)) as document:
        for record in document:
            if isinstance(record, Invoice):  # its columns are picked when they are asked for
                _ = record.values, record.lines


def ndjson_by_one(path: Path) -> None:
    """NDJSON by this process alone."""
    from saft_pipeline.saft.ndjson import to_json
    from saft_pipeline.saft.reader import read_document

    with read_document(path, name=str(path)) as document:
        for record in document:
            sys.stderr.buffer.write(to_json(record))


def as_dicts(path: Path) -> None:
    """xmltodict, an element of SalesInvoices at a time."""
    import xmltodict

    with path.open("rb") as file:
        xmltodict.parse(file, item_depth=4, item_callback=lambda *_: True)


def checked(path: Path) -> None:
    """The same with all rules."""
    from saft_pipeline.saft.ndjson import to_json
    from saft_pipeline.saft.reader import read_document
    from saft_pipeline.saft.rules.checker import Checker

    checker = Checker()
    with read_document(path, name=str(path)) as document:
        for record in document:
            sys.stderr.buffer.write(to_json(record))
            checker.see(record)
    checker.finish()


def large(name: str) -> None:
    """Read one of LARGE to NDJSON, which is thrown away, with all rules."""
    from saft_pipeline.saft.ndjson import blocks
    from saft_pipeline.saft.reader import read_document
    from saft_pipeline.saft.rules.checker import Checker

    checker = Checker()
    with read_document(cast(BinaryIO, Generated(LARGE[name])), name=name) as document:
        for record in document:
            for _ in blocks(record):
                pass
            checker.see(record)
    checker.finish()


def peak_megabytes() -> float:
    """The most memory that this process ever had resident."""
    with Path("/proc/self/status").open() as status:
        (kilobytes,) = [int(row.split()[1]) for row in status if row.startswith("VmHWM")]
    return kilobytes * 1024 / 1e6


def main(what: str, argument: str) -> None:
    """Do it, and print what it took."""
    works = {
        "floor": floor,
        "rows": rows,
        "ndjson": ndjson_by_one,
        "checked": checked,
        "xmltodict": as_dicts,
    }
    if what == "large":
        large(argument)
    else:
        works[what](Path(argument))
    print(json.dumps({"megabytes": peak_megabytes()}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
