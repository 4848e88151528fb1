"""RSA: documents that a key signed verify, in order, and no others."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.signatures import KeyFileError, Signatures, public_key
from saft_pipeline.saft.rules.slots import of_invoice
from saft_pipeline_tests.saft.documents import reading
from saft_pipeline_tests.saft.rules.conformance import cases
from saft_pipeline_tests.saft.test_corpus import CORPUS, found_in

KEY = rsa.generate_private_key(65537, 1024)
HASH, NUMBER = of_invoice("hash invoice_no")
SIGNED = of_invoice("invoice_date system_entry_date invoice_no gross_total")


def with_values(invoice: Invoice, values: Row) -> Invoice:
    return Invoice(values, invoice.lines, invoice.line, invoice.extra_json)


def with_hash(invoice: Invoice, before: str) -> Invoice:
    message = ";".join([*(invoice.values[slot] or "" for slot in SIGNED), before])
    signature = base64.b64encode(KEY.sign(message.encode(), PKCS1v15(), SHA1())).decode()
    values = (*invoice.values[:HASH], signature, *invoice.values[HASH + 1 :])
    return with_values(invoice, values)


@pytest.fixture(scope="module")
def series() -> list[Invoice]:
    """FT A/1 to FT A/3 of the conformance set, signed one after the other."""
    base = next(case for case in cases() if not case.finds)
    signed: list[Invoice] = []
    for invoice in reading(base.content).invoices[:3]:
        signed.append(with_hash(invoice, (signed[-1].values[HASH] or "") if signed else ""))
    return signed


def found(signatures: Signatures, *invoices: Invoice) -> list[tuple[str, str | None]]:
    every = [f for invoice in invoices for f in signatures.signatures(invoice)]
    return [(f.rule, f.document) for f in every]


def test_chain_verifies_and_its_documents_are_counted(series: list[Invoice]) -> None:
    signatures = Signatures(KEY.public_key())
    assert (found(signatures, *series), signatures.verified) == ([], 3)


def test_changed_total_is_found_in_its_document_alone(series: list[Invoice]) -> None:
    values = tuple("999.00" if v == "62.73" else v for v in series[1].values)
    changed = with_values(series[1], values)
    assert found(Signatures(KEY.public_key()), series[0], changed, series[2]) == [
        ("signature", "FT A/2")
    ]


def test_file_that_follows_is_verified_by_the_last_document_of_the_one_before(
    series: list[Invoice],
) -> None:
    signatures = Signatures(KEY.public_key())
    assert found(signatures, series[0]) + found(signatures, *series[1:]) == []


def test_document_whose_predecessor_is_not_known_is_open(series: list[Invoice]) -> None:
    signatures = Signatures(KEY.public_key())
    assert found(signatures, series[1]) == [("signature_open", "FT A/2")]
    (open_,) = signatures.open
    before = series[0].values[HASH] or ""
    assert (open_.before, list(signatures.verify(open_.values, open_.line, before))) == (
        "FT A/1",
        [],
    )


@pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}")
@pytest.mark.parametrize(("stem", "wrong"), [("php-idemo", 0), ("php-wrong-invoice-signature", 3)])
def test_files_of_another_validator_verify_with_its_key(stem: str, wrong: int) -> None:
    signatures = Signatures(public_key(CORPUS / "php-public-key.txt"))
    rules = found(signatures, *found_in(CORPUS / f"{stem}.xml").invoices)
    assert ([rule for rule, _ in rules], signatures.verified) == (["signature"] * wrong, 24 - wrong)


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("no key")
    with pytest.raises(KeyFileError, match="no public key in PEM"):
        public_key(path)
