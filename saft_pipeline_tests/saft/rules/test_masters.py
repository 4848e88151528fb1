"""What is to be said of the elements of MasterFiles together."""

from __future__ import annotations

from saft_pipeline_tests.saft.documents import document, invoice, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, findings, rules

NAMELESS = "<Product><ProductType>P</ProductType></Product>"


def found_with(products: str) -> list[str]:
    """The rules that an invoice breaks whose MasterFiles have these products."""
    before, _, rest = MASTERS.partition("<Product>")
    masters = f"{before}{products}{rest.partition('</Product>')[2]}"
    return rules(findings(document(masters, sales(invoice()))))


def test_a_file_whose_products_have_no_code_is_no_extract() -> None:
    assert found_with(NAMELESS) == ["product"]


def test_a_product_without_a_code_does_not_come_again() -> None:
    assert found_with(NAMELESS * 2) == ["product"]
