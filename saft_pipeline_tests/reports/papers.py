"""Files for tests of reports, written by hand, and the way they get into the tables."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Mapping
from datetime import date

import psycopg
from psycopg import sql

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.saft.filename import branch_of
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.records import Header, Totals
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.model import FetchedContent, Publication, SeenFile
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.spool import SPOOLED_TABLES, FileRows
from saft_pipeline.store.store import Store
from saft_pipeline_tests.saft.documents import HEADER, document, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS
from saft_pipeline_tests.store.building import LEASE, SOURCE, VERSION, at, owner

COMPANY = "599999993"
OTHER_COMPANY = "500000000"


def taxed(
    amount: str,
    rate: str | None = "23",
    *,
    side: str = "Credit",
    kind: str = "IVA",
    code: str = "NOR",
    region: str = "PT",
    base: str | None = None,
    tax_amount: str | None = None,
    exemption: str | None = None,
) -> str:
    """A Line; without a rate it has a TaxAmount."""
    tax = (
        f"<TaxPercentage>{rate}</TaxPercentage>" if rate else f"<TaxAmount>{tax_amount}</TaxAmount>"
    )
    why = "<TaxExemptionReason>Isento</TaxExemptionReason>"
    why += f"<TaxExemptionCode>{exemption}</TaxExemptionCode>"
    return (
        "<Line><LineNumber>NUMBER</LineNumber><ProductCode>P1</ProductCode><ProductDescription>Broa"
        "</ProductDescription><Quantity>1</Quantity><UnitOfMeasure>UN</UnitOfMeasure>"
        f"<UnitPrice>{amount}</UnitPrice>{f'<TaxBase>{base}</TaxBase>' if base else ''}"
        "<TaxPointDate>2025-03-01</TaxPointDate><Description>Broa</Description>"
        f"<{side}Amount>{amount}</{side}Amount><Tax><TaxType>{kind}</TaxType>"
        f"<TaxCountryRegion>{region}</TaxCountryRegion><TaxCode>{code}</TaxCode>{tax}</Tax>"
        f"{why if exemption else ''}</Line>"
    )


def paper(
    number: str,
    *lines: str,
    tax: str = "0",
    net: str = "0",
    day: str = "2025-03-01",
    status: str = "N",
    kind: str | None = None,
) -> str:
    """An Invoice; its InvoiceType is the first word of its number."""
    numbered = "".join(line.replace("NUMBER", str(n)) for n, line in enumerate(lines, 1))
    return (
        f"<Invoice><InvoiceNo>{number}</InvoiceNo><ATCUD>0</ATCUD><DocumentStatus><InvoiceStatus>"
        f"{status}</InvoiceStatus><InvoiceStatusDate>{day}T10:00:00</InvoiceStatusDate><SourceID>ana"
        "</SourceID><SourceBilling>P</SourceBilling></DocumentStatus><Hash>0</Hash><InvoiceDate>"
        f"{day}</InvoiceDate><InvoiceType>{kind or number[:2]}</InvoiceType><SystemEntryDate>{day}"
        f"T10:00:00</SystemEntryDate><CustomerID>C1</CustomerID>{numbered}<DocumentTotals><TaxPayable>"
        f"{tax}</TaxPayable><NetTotal>{net}</NetTotal><GrossTotal>{net}</GrossTotal>"
        "</DocumentTotals></Invoice>"
    )


def file_of(*papers: str, company: str = COMPANY) -> bytes:
    """A whole file."""
    header = HEADER.replace(COMPANY, company)
    return document(MASTERS, sales(*papers), header=header).encode()


def database(server: EmbeddedPostgres, files: Mapping[str, bytes] | None = None) -> str:
    """The URL of a new database with the tables in it and files, by name, loaded."""
    url = server.url(f"reports_{uuid.uuid4().hex}")
    migrate(url)
    store = Store(PostgresTransport(url), lambda _table: 1000)
    for name, content in (files or {}).items():
        load(store, content, name)
    store.close()
    return url


def empty(url: str) -> None:
    """Remove all rows; so few are sooner deleted than their tables truncated."""
    with psycopg.connect(url) as connection:
        for table in ("invoices", "customers", "invoice_files", "companies"):
            connection.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))


def load(store: Store, content: bytes, name: str = "f.xml") -> None:
    """Have a file's rows in the tables, as a run puts them there."""
    seen = SeenFile(name, name, branch_of(name), len(content), at(0))
    store.observe(SOURCE, [seen], whole=False)
    by, known = owner(), store.files(source=SOURCE, path=name)[0]
    store.claim(by, lease=LEASE, ids=[known.id])
    sha256 = hashlib.sha256(content).hexdigest()
    (settled,) = store.settle(
        by, [FetchedContent(known.id, sha256, seen.size, seen.modified_at)], VERSION
    )
    rows = FileRows(settled.ledger_id)
    publication = _spool(content, name, rows)
    for table in SPOOLED_TABLES:
        store.stage([rows.spools[table]])
    (outcome,) = store.publish(by, [publication], run_id="run-1", saft_version=VERSION)
    assert outcome.status == "loaded", outcome.error


def _spool(content: bytes, name: str, rows: FileRows) -> Publication:
    with read_document(io.BytesIO(content), name=name) as opened:
        records = list(opened)
    for record in records:
        rows.write(record)
    header = next(r for r in records if isinstance(r, Header))
    totals = next(r for r in records if isinstance(r, Totals))
    created = header.date_created
    return Publication(
        rows.spools["companies"].ledger_id,
        company_id=header.values[0],
        date_created=date.fromisoformat(created) if created else None,
        invoices=rows.counts["invoices"],
        lines=rows.counts["invoice_lines"],
        customers=rows.counts["customers"],
        declared=totals.declared,
        computed=totals.computed,
        header={name: header.extra[name] for name in ("start_date", "end_date")},
    )
