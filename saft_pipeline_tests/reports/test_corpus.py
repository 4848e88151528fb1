"""The reports over files of the corpus come to what an independent sum over the XML comes to."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from saft_pipeline.reports.language import is_absent
from saft_pipeline.reports.sales import sales_report
from saft_pipeline.reports.selection import Selection
from saft_pipeline.reports.vat import vat_report
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.independent import Rate, half_up, signed, vat_rows
from saft_pipeline_tests.reports.papers import load

CORPUS = Path(__file__).parents[2] / "../shared/corpus"
ONE_OF_EACH = (
    "billy-101-72k-statusF", "billy-101-15lines", "billy-102-valid", "donb-103-11inv",
    "php-idemo", "php-credit-and-debit-nc", "rux-idemo-1.04", "crypto-100-example",
)  # fmt: skip
# Different documents of three companies, in versions 1.00, 1.01, 1.03 and 1.04.
TOGETHER = ("crypto-100-example", "billy-101-72k-statusF", "donb-103-11inv", "php-idemo")

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}")


def corpus(name: str) -> bytes:
    return (CORPUS / f"{name}.xml").read_bytes()


def reported(source: Reports) -> dict[Rate, tuple[Decimal, Decimal]]:
    frame = vat_report(source, Selection()).table.frame
    rows = frame.drop(columns="company_id").itertuples(index=False, name=None)
    found = {(*row[:3], None if is_absent(row[3]) else row[3]): row[4:] for row in rows}
    assert found
    return found


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_vat_is_that_of_the_xml_to_the_cent(source: Reports, store: Store, name: str) -> None:
    content = corpus(name)
    load(store, content)
    assert reported(source) == vat_rows([content])


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_the_difference_to_tax_payable_is_explained_to_the_cent(
    source: Reports, store: Store, name: str
) -> None:
    content = corpus(name)
    load(store, content)
    compared = vat_report(source, Selection()).tables[1].frame
    payable: dict[str, Decimal] = defaultdict(Decimal)
    for (_, day), amount in signed([content], "tax_payable").items():
        payable[day[:7]] += amount
    assert dict(zip(compared["month"], compared["tax_payable"], strict=True)) == {
        month: half_up(amount) for month, amount in payable.items()
    }
    parts = compared["stamp_duty"] + compared["rounding"] + compared["mismatch"]
    assert list(compared["vat"] + parts) == list(compared["tax_payable"])


@pytest.mark.parametrize("total", ["net_total", "tax_payable", "gross_total"])
def test_sales_are_those_of_the_xml_to_the_cent(source: Reports, store: Store, total: str) -> None:
    files = [corpus(name) for name in TOGETHER]
    for name, content in zip(TOGETHER, files, strict=True):
        load(store, content, f"{name}.xml")
    days = sales_report(source, Selection()).table.frame
    found = {
        (c, d): v
        for c, d, v in zip(days["company_id"], days["invoice_date"], days[total], strict=True)
    }
    assert found == {key: half_up(v) for key, v in signed(files, total).items()}


def test_the_example_of_104_differs_by_a_cent_of_rounding(source: Reports, store: Store) -> None:
    load(store, corpus("php-idemo"))
    report = vat_report(source, Selection())
    assert report.verdict == "The documents' TaxPayable is 0.01 more than this VAT: rounding +0.01."
