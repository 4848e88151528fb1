"""The made-up companies are made up rightly."""

from __future__ import annotations

from stdnum.pt import nif

from saft_pipeline.demo.companies import BRANCHES, TAX_PERCENTAGES

NIFS = {b.company.tax_registration_number for b in BRANCHES} | {
    c.customer_tax_id for b in BRANCHES for c in b.company.customers if c.address.country == "PT"
}


def test_the_taxpayer_numbers_have_right_check_digits() -> None:
    assert [number for number in NIFS if not nif.is_valid(number)] == []


def test_the_taxpayer_numbers_are_in_a_range_that_nobody_has() -> None:
    assert [number for number in NIFS if number[:5] not in ("59999", "99999")] == []


def test_every_region_of_portugal_is_there_with_rates_of_its_own() -> None:
    assert {b.region for b in BRANCHES} == {"PT", "PT-AC", "PT-MA"} == set(TAX_PERCENTAGES)
    assert len({rates["NOR"] for rates in TAX_PERCENTAGES.values()}) == 3


def test_no_two_branches_share_a_till() -> None:
    assert len({(b.company, b.till) for b in BRANCHES}) == len(BRANCHES)


def test_the_texts_need_escaping_and_more_than_ascii() -> None:
    names = "".join(b.company.company_name for b in BRANCHES)
    assert "&" in names
    assert not names.isascii()
    names.encode("cp1252")
