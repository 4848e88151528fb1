"""The invented cases beside the clone: of each, what is found is what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.rules.checker import Checker

CASES = Path(__file__).parents[3].parent / "shared" / "cases"
REFUSED = "refused"
# What is found, by file; nothing is found in those that are not here.
FOUND = {
    "01-nc-credit-side": "error document_side NC A/1",
    "03-vd-after-2013": "warning invoice_type_ended VD A/1; warning invoice_type_ended TV A/1; "
    "warning atcud_series TV A/1",
    "04-type-unknown": "error invoice_type XX A/1",
    "05-nif-in-amount": "warning anomalous_amount FT A/1 line 1",
    "06-efatura-no-products": "info extract MasterFiles",
    "08-exemption-code-text": "error exemption_code_form FT A/1 line 1",
    "10-exemption-M77": "warning exemption_code FT A/1 line 1",
    "14-currency-no-rate": "error exchange_rate FT A/1",
    "15-currency-wrong": "warning currency_amount FT A/1",
    "17-status-date-before": "warning status_date FT A/1",
    "18-cancelled-no-reason": "warning cancelled_reason FT A/1",
    "19-atcud-lower": "error atcud FT A/1",
    "23-negative-line": "error negative_amount FT A/1 line 2; error negative_amount FT A/1 line 2",
    "24-qty-price": "warning quantity_price FT A/1 line 1",
    "25-no-lines": "error mandatory FT A/1",
    "26-no-date-no-type": "error mandatory FT A/1; error mandatory FT A/1",
    "27-no-totals": "error mandatory FT A/1",
    "28-no-hash-certified": "error hash FT A/1",
    "29-unknown-tax-code": "error tax_code FT A/1 line 1",
    "31-no-tax": "error mandatory FT A/1 line 1",
    "32-taxbase-with-price": "error tax_base FT A/1 line 1",
    "35-fr-payment-differs": "warning fr_payment FR A/1",
    "38-period-not-month": "info period_month FT A/1",
    "40-nc-more-than-invoice": "warning credit_amount NC A/1",
    "48-dot-amount": REFUSED,
    "50-nif-7": "error nif 721234563",
    "51-region-madeira-2024-10": "warning tax_rate FT A/2 line 1",
    "57-customerid-dup": "warning repeated_customer None",
    "58-hash-200-chars": "error hash FT A/1",
    "61-header-currency-lower": "warning country Header",
    "62-country-portugal": "warning country Header",
    "63-pt-nif-prefix": "warning tax_registration_number None",
    "83-header-country-lowercase": "warning country Header",
    "64-reference-not-docno": "warning reference NC A/1",
    "68-header-1.05": "warning version None",
    "70-atcud-format-hyphens": "error atcud FT A/1",
    "72-datecreated-with-time": REFUSED,
    "75-nif-prefix-40": "warning nif_prefix 401234568",
    "78-two-keys-in-series": "warning hash_key FT A/2",
    "80-tax-percentage-0.23": "warning tax_payable FT A/1; warning tax_rate FT A/1 line 1",
    "90-atcud-missing": "error atcud FT A/1",
    "92-nor-zero-with-reason": "warning tax_rate FT A/1 line 1",
    "93-ise-with-rate": "warning tax_rate FT A/1 line 1",
    "96-totals-missing-control": "error mandatory SalesInvoices; "
    "error mandatory SalesInvoices; error mandatory SalesInvoices",
}
FILES = sorted(CASES.glob("*.xml"))


def verdict(path: Path) -> str:
    checker = Checker()
    try:
        with read_document(path, name=path.name) as document:
            for record in document:
                checker.see(record)
            found = checker.finish(document.warnings).kept
    except SaftError:
        return REFUSED
    return "; ".join(f"{f.severity} {f.rule} {f.document}" for f in found)


@pytest.mark.skipif(not CASES.exists(), reason=f"no cases at {CASES}")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_what_is_found_is_what_is_right(path: Path) -> None:
    assert sorted(verdict(path).split("; ")) == sorted(FOUND.get(path.stem, "").split("; "))
