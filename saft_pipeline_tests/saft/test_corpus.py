"""Every file of the corpus is compared, field by field, with the independent reading of its tree,
or refused for a reason that the contract names: the table below says which and why.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from saft_pipeline.saft.errors import (
    ContentError,
    EncryptedSaftError,
    ForeignSaftError,
    NotWellFormedError,
    SaftError,
)
from saft_pipeline.saft.fields import (
    COMPANY_FIELDS,
    CUSTOMER_FIELDS,
    INVOICE_FIELDS,
    LINE_FIELDS,
)
from saft_pipeline_tests.saft.documents import Reading, reading
from saft_pipeline_tests.saft.independent import (
    Columns,
    company_of,
    customers_of,
    differences,
    invoices_of,
    text_at,
    wild,
)

CORPUS = Path(__file__).parents[2] / "../shared/corpus"
FILES = sorted(CORPUS.glob("*.xml"))

REFUSED: dict[str, tuple[type[SaftError], str]] = {
    "billy-101-conflict-markers": (NotWellFormedError, "xml:171:2: not well-formed"),
    "billy-102-conflict-markers": (NotWellFormedError, "xml:171:2: not well-formed"),
    "billy-101-dup-invoiceno": (ContentError, "InvoiceNo 'FT A/1' stands twice in the file"),
    "crypto-100-encrypted": (EncryptedSaftError, "encrypted (CryptoSAF-T)"),
    "neg-ao-documented": (ForeignSaftError, "SAF-T of Angola"),
    "neg-ao-purchase": (ForeignSaftError, "SAF-T of Angola"),
    "php-wrong-schema-no-nif": (ContentError, "no TaxRegistrationNumber"),
}
# Read as UTF-8 although Windows-1252 is declared; all others are as they declare.
LYING = {"billy-101-utf8-as-1252", "billy-102-utf8-as-1252"}
DECLARED = {"windows-1252": "cp1252", "utf-8": "utf-8"}

pytestmark = pytest.mark.skipif(not FILES, reason=f"no corpus at {CORPUS}")
loads = pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem not in REFUSED], ids=lambda p: p.stem
)


def tree(path: Path) -> etree._Element:
    data = path.read_bytes()
    head = data[:100].split(b"?>")[0].lower()
    codec = next((c for name, c in DECLARED.items() if name.encode() in head), "utf-8")
    text = data.decode("utf-8" if path.stem in LYING else codec)
    return etree.fromstring(text.split("?>", 1)[-1].strip().encode())


_read: dict[Path, Reading] = {}


def found_in(path: Path) -> Reading:
    if path not in _read:
        _read[path] = reading(path.read_bytes())
    return _read[path]


def test_corpus_is_whole() -> None:
    assert len(FILES) == 49
    assert {p.stem for p in FILES} >= REFUSED.keys()


@pytest.mark.parametrize("stem", REFUSED)
def test_file_is_refused_for_its_reason(stem: str) -> None:
    kind, says = REFUSED[stem]
    with pytest.raises(kind) as caught:
        reading((CORPUS / f"{stem}.xml").read_bytes())
    assert says in str(caught.value)


@loads
def test_company_is_the_same(path: Path) -> None:
    assert not differences(COMPANY_FIELDS, found_in(path).header.values, company_of(tree(path)))


@loads
def test_customers_are_the_same(path: Path) -> None:
    expected: dict[str | None, Columns] = {}
    for row in customers_of(tree(path)):
        expected.setdefault(row["customer_id"], row)
    found = found_in(path).customers
    assert [c.values[1] for c in found] == list(expected)
    assert not [
        d for c in found for d in differences(CUSTOMER_FIELDS, c.values, expected[c.values[1]])
    ]


@loads
def test_invoices_are_the_same(path: Path) -> None:
    pairs = list(zip(found_in(path).invoices, invoices_of(tree(path)), strict=True))
    assert not [
        f"{i.values[1]} {d}"
        for i, (row, _) in pairs
        for d in differences(INVOICE_FIELDS, i.values, row)
    ]


@loads
def test_lines_are_the_same(path: Path) -> None:
    for invoice, (_, rows) in zip(found_in(path).invoices, invoices_of(tree(path)), strict=True):
        for found, expected in zip(invoice.lines, rows, strict=True):
            assert not differences(LINE_FIELDS, found, expected)


@loads
def test_control_totals_are_the_same(path: Path) -> None:
    root, totals = tree(path), found_in(path).totals
    entries, debit, credit = (
        text_at(root, f"SourceDocuments/SalesInvoices/{tag}")
        for tag in ("NumberOfEntries", "TotalDebit", "TotalCredit")
    )
    assert totals.declared == (int(entries) if entries else None, debit, credit)
    rows = invoices_of(root)
    counted = [lines for row, lines in rows if row["invoice_status"] not in ("A", "F")]
    for side, computed in (
        ("debit_amount", totals.computed.total_debit),
        ("credit_amount", totals.computed.total_credit),
    ):
        summed = sum(Decimal(line[side] or 0) for lines in counted for line in lines)
        assert Decimal(computed or 0) == summed
    assert totals.computed.number_of_entries == len(rows)


@loads
def test_products_suppliers_and_taxes_are_all_kept(path: Path) -> None:
    root, kinds = tree(path), [o.kind for o in found_in(path).others]
    for kind, at in (
        ("product", "MasterFiles/Product"),
        ("supplier", "MasterFiles/Supplier"),
        ("tax_table_entry", "MasterFiles/TaxTable/*"),
    ):
        assert kinds.count(kind) == len(root.findall(wild(at)))


@pytest.mark.parametrize("stem", sorted(LYING))
def test_lying_declaration_is_a_warning(stem: str) -> None:
    assert "encoding" in found_in(CORPUS / f"{stem}.xml").codes
