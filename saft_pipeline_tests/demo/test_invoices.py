"""The documents of a till: their order, their credit notes, and money exact to the cent."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.demo.companies import BRANCHES, TAX_PERCENTAGES
from saft_pipeline.demo.invoices import ROUND, SampleInvoice, Till, document_at

steps = st.integers(0, 5000)
tills = st.builds(Till, st.sampled_from(BRANCHES), st.integers(1, 99999), st.integers(1, 500))


def written(till: Till, count: int = 400) -> list[SampleInvoice]:
    return [document_at(till, step) for step in range(count)]


@given(tills, steps)
def test_a_document_is_the_same_whenever_it_is_asked_for(till: Till, step: int) -> None:
    assert document_at(till, step) == document_at(till, step)


@pytest.mark.parametrize("per_day", [1, 12, 5000])
def test_each_series_counts_from_one_without_gaps(per_day: int) -> None:
    series = defaultdict(list)
    for found in written(Till(BRANCHES[0], 1, per_day)):
        series[found.invoice_type].append(found.number)
    assert all(n == list(range(1, len(n) + 1)) for n in series.values())


@pytest.mark.parametrize("per_day", [1, 12, 5000])
def test_each_document_is_written_after_the_one_before(per_day: int) -> None:
    moments = [found.system_entry_date for found in written(Till(BRANCHES[0], 1, per_day))]
    assert all(a <= b for a, b in pairwise(moments))


def test_tills_are_open_from_nine_to_seven() -> None:
    hours = {found.system_entry_date.hour for found in written(Till(BRANCHES[0], 1))}
    assert hours <= set(range(9, 19))


@given(tills, steps)
def test_each_line_is_its_quantity_times_its_price(till: Till, step: int) -> None:
    for line in document_at(till, step).lines:
        exact = line.quantity * line.product.unit_price
        assert abs(line.amount - exact) <= Decimal("0.005")
        assert line.amount.as_tuple().exponent == -2


@given(tills, steps)
def test_tax_is_rounded_once_a_rate(till: Till, step: int) -> None:
    found = document_at(till, step)
    tax = Decimal(0)
    for code, percentage in TAX_PERCENTAGES[till.branch.region].items():
        base = sum(x.amount for x in found.lines if x.product.tax_code == code)
        tax += (Decimal(base) * percentage / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert found.tax_payable == tax


@given(tills, steps)
def test_gross_is_net_and_tax(till: Till, step: int) -> None:
    found = document_at(till, step)
    assert found.net_total == sum(line.amount for line in found.lines)
    assert found.gross_total == found.net_total + found.tax_payable


def test_a_credit_note_takes_back_lines_of_an_invoice_before_it() -> None:
    before: dict[str, SampleInvoice] = {}
    for found in written(Till(BRANCHES[0], 1)):
        if found.reference:
            assert set(found.lines) <= set(before[found.reference].lines)
        before[found.invoice_no] = found


def test_some_credit_notes_are_full_and_some_are_not() -> None:
    found = {i.invoice_no: i for i in written(Till(BRANCHES[0], 1))}
    notes = [i for i in found.values() if i.reference]
    assert {i.net_total == found[str(i.reference)].net_total for i in notes} == {True, False}


def test_only_credit_notes_refer_to_others() -> None:
    found = written(Till(BRANCHES[0], 1))
    assert {i.invoice_type for i in found if i.reference} == {"NC"}
    assert all(i.reference for i in found if i.invoice_type == "NC")


def test_a_status_other_than_n_comes_later_and_has_a_reason() -> None:
    found = written(Till(BRANCHES[0], 1))
    assert {i.invoice_status for i in found} == {"N", "A", "F"}
    for i in found:
        assert (i.status_date > i.system_entry_date) is (i.invoice_status != "N")
        assert bool(i.reason) is (i.invoice_status != "N")


def test_hashes_look_like_signatures_and_differ() -> None:
    hashes = {found.hash for found in written(Till(BRANCHES[0], 1))}
    assert len(hashes) == 400
    assert {len(h) for h in hashes} == {172}


def test_the_series_is_named_after_till_and_year() -> None:
    first = document_at(Till(BRANCHES[0], 202, 1, datetime.fromisoformat("2024-05-01T09:00")), 0)
    assert (first.invoice_no, first.atcud) == ("FR 202Y2024/1", "AFR00202-1")
    assert ROUND[0][0] == "FR"
