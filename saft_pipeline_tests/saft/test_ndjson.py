"""The shape of the NDJSON, and that it says what the records say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.saft.fields import INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.records import Invoice, Lines
from saft_pipeline_tests.saft.documents import document, invoice, line, reading, sales

TEXT = document(
    "<MasterFiles><Customer><CustomerID>C1</CustomerID></Customer>"
    "<Product><ProductCode>P1</ProductCode></Product></MasterFiles>",
    sales(invoice(lines=line(1) + line(2, body="<CustomsInformation><ARCNo>é</ARCNo>"
                                       "</CustomsInformation>")), credit="20"),
)  # fmt: skip


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return [json.loads(to_json(record)) for record in reading(TEXT).records]


def test_each_object_is_one_line_and_says_what_it_is(objects: list[dict[str, Any]]) -> None:
    lines = b"".join(map(to_json, reading(TEXT).records)).splitlines()
    assert len(lines) == len(objects)
    assert [o["record"] for o in objects] == ["header", "customer", "product", "invoice", "totals"]
    assert all(line.startswith(b'{"record":"') for line in lines)


def test_invoice_is_flat_with_its_lines(objects: list[dict[str, Any]]) -> None:
    found = objects[3]
    assert found["company_id"] == "599999993"
    assert found["gross_total"] == "12.30"
    assert [line["line_number"] for line in found["lines"]] == ["1", "2"]
    assert found["lines"][1]["extra"] == {"customs_information": {"arc_no": ["é"]}}


def test_absent_values_are_left_out(objects: list[dict[str, Any]]) -> None:
    assert "status_reason" not in objects[3]
    assert "debit_amount" not in objects[3]["lines"][0]


def test_header_says_a_fact_once(objects: list[dict[str, Any]]) -> None:
    assert objects[0]["audit_file_version"] == "1.04_01"
    extra = objects[0]["extra"]
    assert (extra["currency_code"], "audit_file_version" in extra) == ("EUR", False)


def test_totals_have_declared_and_computed(objects: list[dict[str, Any]]) -> None:
    expected = {"number_of_entries": 1, "total_debit": "0", "total_credit": "20.00"}
    assert objects[4]["computed"] == expected
    assert objects[4]["declared"]["total_credit"] == "20"
    assert (objects[4]["invoices"], objects[4]["lines"]) == (1, 2)


# What XML can carry: no control characters but tab and line feed, no lone surrogates.
xml_text = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters='\t\n"\\'), min_size=1
)


@given(
    st.lists(st.none() | xml_text, min_size=len(INVOICE_FIELDS), max_size=len(INVOICE_FIELDS)),
    st.lists(st.none() | xml_text, min_size=len(LINE_FIELDS), max_size=len(LINE_FIELDS)),
)
def test_every_value_survives(values: list[str | None], row: list[str | None]) -> None:
    lines = Lines()
    lines.append(tuple(row))
    found = json.loads(to_json(Invoice(tuple(values), lines, 1)))
    (read,) = found.pop("lines")
    assert found.pop("record") == "invoice"
    assert found == {f: v for f, v in zip(INVOICE_FIELDS, values, strict=True) if v is not None}
    assert read == {f: v for f, v in zip(LINE_FIELDS, row, strict=True) if v is not None}
