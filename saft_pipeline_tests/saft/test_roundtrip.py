"""Any document that is written is read back equal; any cut of it is refused; any flipped byte is
refused or read as an independent reader reads it.
"""

from __future__ import annotations

import io
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from saft_pipeline.saft.encoding import detect
from saft_pipeline.saft.errors import IncompleteError, SaftError
from saft_pipeline.saft.fields import INVOICE_FIELDS, LINE_FIELDS, LINE_PATHS
from saft_pipeline_tests.saft.documents import document, invoice, reading, sales
from saft_pipeline_tests.saft.independent import differences, invoices_of

# The schema's order, and what each may hold.
SIMPLE = (
    *("ProductCode", "ProductDescription", "Quantity", "UnitOfMeasure", "UnitPrice", "TaxBase"),
    *("TaxPointDate", "Description", "DebitAmount", "CreditAmount", "TaxExemptionReason"),
    *("TaxExemptionCode", "SettlementAmount"),
)
amounts = st.decimals(-(10**9), 10**9, places=4).map("{:f}".format)
dates = st.dates().map(lambda d: f"{d:%Y-%m-%d}".rjust(10, "0"))
texts = st.text(
    st.characters(
        codec="cp1252", exclude_categories=("Cc", "Cs"), include_characters="\n\t<&'\">]"
    ),
    min_size=1,
    max_size=30,
)


def value_of(tag: str) -> st.SearchStrategy[str]:
    if tag.endswith(("Amount", "Price", "Base", "Quantity")):
        return amounts
    return dates if tag.endswith("Date") else texts


lines_strategy = st.lists(
    st.fixed_dictionaries({}, optional={tag: value_of(tag) for tag in SIMPLE}), max_size=5
)


def written(fields: dict[str, str], number: int, *, in_order: bool) -> str:
    leaves = [f"<{tag}>{escape(fields[tag])}</{tag}>" for tag in SIMPLE if tag in fields]
    number_leaf = f"<LineNumber>{number}</LineNumber>"
    parts = [number_leaf, *leaves] if in_order else [*reversed(leaves), number_leaf]
    return f"<Line>{''.join(parts)}</Line>"


def expected(fields: dict[str, str], number: int) -> dict[str, str | None]:
    row: dict[str, str | None] = dict.fromkeys(LINE_FIELDS)
    row["line_number"] = str(number)
    for tag, text in fields.items():
        value = text.strip(" \t\r\n") or None
        if value and tag.endswith(("Amount", "Price", "Base", "Quantity")):
            value = value.lstrip("-") if not value.strip("-0.") else value
        row[LINE_FIELDS[LINE_PATHS[tag]]] = value
    return row


@given(lines_strategy, st.booleans(), st.sampled_from(["utf-8", "cp1252", "utf-16"]))
def test_lines_that_are_written_are_read_back(
    lines: list[dict[str, str]],
    in_order: bool,
    codec: str,
) -> None:
    body = "".join(written(f, n, in_order=in_order) for n, f in enumerate(lines, 1))
    name = {"cp1252": "Windows-1252"}.get(codec, codec)
    text = document(
        sales(invoice(lines=body)), declaration=f'<?xml version="1.0" encoding="{name}"?>'
    )
    (found,) = reading(text.encode(codec)).invoices
    rows = [dict(zip(LINE_FIELDS, row, strict=True)) for row in found.lines]
    assert rows == [expected(f, n) for n, f in enumerate(lines, 1)]


SMALL = document(sales(invoice("FT A/1"), invoice("FT A/2", status="A"), entries=2)).encode()
LAST_TAG = SMALL.rindex(b"</AuditFile>") + len(b"</AuditFile>")


@pytest.mark.parametrize("cut", range(1, LAST_TAG, 41))
def test_any_cut_is_incomplete(cut: int) -> None:
    with pytest.raises(IncompleteError):
        reading(SMALL[:cut])


@settings(max_examples=300)
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_read_exactly(at: int, flip: int) -> None:
    data = SMALL[:at] + bytes([SMALL[at] ^ flip]) + SMALL[at + 1 :]
    try:
        found = reading(data)
    except SaftError:
        return
    codec = detect(io.BytesIO(data)).codec
    root = etree.fromstring(data.decode(codec).encode())
    for read, (columns, lines) in zip(found.invoices, invoices_of(root), strict=True):
        assert not differences(INVOICE_FIELDS, read.values, columns)
        for row, line in zip(read.lines, lines, strict=True):
            assert not differences(LINE_FIELDS, row, line)
