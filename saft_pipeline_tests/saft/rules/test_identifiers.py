"""The forms of NIF, InvoiceNo, ATCUD and Hash."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.rules.identifiers import is_signature
from saft_pipeline_tests.saft.documents import HEADER, document, invoice, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, findings, of, rules

SIGNATURE = "A" * 171 + "="


def signed(signature: str = SIGNATURE, control: str = "1", number: str = "FT A/1") -> str:
    text = f"<Hash>{signature}</Hash><HashControl>{control}</HashControl>"
    return invoice(number).replace("<Hash>0</Hash><HashControl>0</HashControl>", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SIGNATURE, True),
        ("+/09azAZ" * 21 + "abc=", True),
        (SIGNATURE[1:], False),
        (f"{SIGNATURE}=", False),
        (f"A{SIGNATURE}", False),
        (f"={SIGNATURE[1:]}", False),
        (f"{SIGNATURE[:-1]}A", False),
        *((f"{odd}{SIGNATURE[1:]}", False) for odd in ("-", "_", " ", "\0", "ã", "Ａ")),
        (f"ã{SIGNATURE[2:]}", False),  # as many bytes as a signature has
        ("", False),
    ],
)
def test_signature_is_base64_of_1024_bits(text: str, expected: bool) -> None:
    assert is_signature(text) is expected


def test_wrong_nif_of_the_company_is_an_error() -> None:
    (finding,) = findings(document(MASTERS).replace("599999993", "599999990"))
    assert finding[:2] == ("nif", "error")


@pytest.mark.parametrize(
    ("nif", "country", "found"),
    [
        ("999999990", "PT", []),
        ("123", "PT", ["customer_nif"]),
        ("B12345678", "ES", ["vat_number"]),
        ("12-3456789", "US", []),
    ],
)
def test_nif_of_a_customer_is_checked_if_portuguese(
    nif: str, country: str, found: list[str]
) -> None:
    customer = (
        f"<Customer><CustomerID>C1</CustomerID><CustomerTaxID>{nif}</CustomerTaxID>"
        f"<BillingAddress><Country>{country}</Country></BillingAddress></Customer>"
    )
    assert rules(findings(document(f"<MasterFiles>{customer}</MasterFiles>"))) == found


@pytest.mark.parametrize("number", ["FTA1", "FT A", "FT A/1B", "FT  A/1", "FT A/B/1"])
def test_invoice_no_of_another_form_is_an_error(number: str) -> None:
    assert rules(of(invoice(number)))[0] == "invoice_no"


@pytest.mark.parametrize(
    ("atcud", "date", "expected"),
    [
        ("ABCD1234-1", "2025-03-01", None),
        ("0", "2022-12-31", None),
        ("0", "2023-01-01", "a code of the tax authority: 0 ended in 2022"),
        ("ABCD1234-2", "2025-03-01", "ABCD1234-1"),
        ("ABC-1", "2025-03-01", "CODE-number, or 0"),
        ("abcd1234-1", "2025-03-01", "CODE-number, or 0"),
        ("", "2025-03-01", "CODE-number, or 0"),
    ],
)
def test_atcud_is_a_code_and_the_number(atcud: str, date: str, expected: str | None) -> None:
    text = invoice().replace("ABCD1234-1", atcud).replace("Date>2025-03-01", f"Date>{date}")
    found = [f for f in of(text) if f.rule == "atcud"]
    assert [f.expected for f in found] == ([expected] if expected else [])


def test_atcud_is_asked_for_only_from_version_1_04_on() -> None:
    text = document(MASTERS, sales(invoice().replace("<ATCUD>ABCD1234-1</ATCUD>", "")))
    assert findings(text.replace("1.04_01</A", "1.03_01</A")) == []
    assert rules(findings(text)) == ["atcud"]


@pytest.mark.parametrize(
    ("signature", "control", "found"),
    [
        (SIGNATURE, "1", []),
        (SIGNATURE, "1-FTM abc/00001", []),
        (SIGNATURE, "1-FTD FT abc/1", []),
        ("0", "0", []),
        ("A" * 172, "1", ["hash"]),
        ("A" * 171, "1", ["hash"]),
        ("A" * 170 + "é=", "1", ["hash"]),
        (SIGNATURE, "x", ["hash_control"]),
    ],
)
def test_hash_is_a_signature_or_zero(signature: str, control: str, found: list[str]) -> None:
    assert rules(of(signed(signature, control))) == found


def test_wrong_hash_is_told_with_its_printed_characters() -> None:
    (finding,) = of(signed("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    assert finding.found == "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 (printed: AKU4)"


def test_certified_program_signs() -> None:
    header = HEADER.replace("Number>0</Software", "Number>123</Software")
    text = document(MASTERS, sales(invoice()), header=header)
    assert rules(findings(text)) == ["hash"]
