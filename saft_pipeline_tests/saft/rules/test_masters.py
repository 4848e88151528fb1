"""What is to be said of the elements of MasterFiles together."""

from __future__ import annotations

import pytest

from saft_pipeline_tests.saft.documents import document, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, findings, rules

NAMELESS = "<Product><ProductType>P</ProductType></Product>"


@pytest.mark.parametrize("products", [NAMELESS, NAMELESS * 2])
def test_products_without_a_code_are_neither_an_extract_nor_one_that_comes_again(
    products: str,
) -> None:
    before, _, rest = MASTERS.partition("<Product>")
    masters = f"{before}{products}{rest.partition('</Product>')[2]}"
    assert rules(findings(document(masters, sales(credit="0")))) == []
