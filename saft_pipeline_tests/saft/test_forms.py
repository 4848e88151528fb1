"""An element of a form that was seen before is read as if it were the first of its kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saft_pipeline.saft import invoices as reading_of_invoices
from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.ndjson import blocks, to_json
from saft_pipeline_tests.saft.documents import HEADER, document, invoice, line, reading, sales

USUAL = invoice("FT A/9", lines=line(1) + line(2))
TEXTS = {
    "blank": "<Description> Broa<",
    "blank after": "<Description>Broa <",
    "blank in the first": "<InvoiceNo> FT A/9<",
    "blank in the last": "<GrossTotal>12.30 <",
    "line feed": "<Description>Broa\nde milho<",
    "quote": '<Description>"Broa"<',
    "backslash": "<Description>Broa\\<",
    "empty": "<Description></Description><!-- <",
    "nothing in CDATA": "<Description><![CDATA[]]><",
    "no-break space": "<Description>\u00a0<",
    "sign without number": "<UnitPrice>-<",
    "point at the end": "<UnitPrice>5.<",
    "zero with a sign": "<UnitPrice>-0<",
    "exponent": "<UnitPrice>1e3<",
    "other digits": "<UnitPrice>١<",
    "zeros before": "<LineNumber>0001<",
    "large line number": "<LineNumber>40000<",
    "no such day": "<TaxPointDate>2025-02-30<",
    "day with a zone": "<TaxPointDate>2025-03-01Z<",
    "hour 25": "<SystemEntryDate>2025-03-01T25:00:00<",
    "fraction of a second": "<SystemEntryDate>2025-03-01T10:00:00.5<",
    "text between elements": "<SpecialRegimes>stray<",
    "another line number": "<LineNumber>2<",
}


def changed(new: str) -> str:
    """The usual invoice with another text in the first element of this name."""
    name = new[1 : new.index(">")]
    start = USUAL.index(f"<{name}>")
    end = USUAL.index("<", start + 1)
    text = USUAL[:start] + new + USUAL[end + 1 :]
    return text.replace("<!-- </Description>", "")


def said(text: str) -> tuple[list[Any], list[str]] | str:
    """What there is of the last invoice, or why not."""
    try:
        found = reading(document(sales(text)))
    except SaftError as error:
        return error.reason
    last = found.invoices[-1]
    whole = b"".join(blocks(last)) or to_json(last)
    assert to_json(last) == whole
    rows = [last.values, list(last.lines), last.extra, list(last.lines.blocks())]
    return [*rows, json.loads(whole)], found.messages("stray_text")


@pytest.mark.parametrize("name", TEXTS)
def test_a_known_form_hides_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = changed(TEXTS[name])
    assert text != USUAL
    monkeypatch.setattr(reading_of_invoices._INVOICE, "_layouts", {})
    first = said(text)
    monkeypatch.setattr(reading_of_invoices._INVOICE, "_layouts", {})
    before = [USUAL.replace("FT A/9", f"FT A/{n}") for n in range(1, 5)]
    assert said("".join([*before, text])) == first
    again = [text.replace("FT A/9", f"FT A/{n}") for n in range(5, 8)]
    assert isinstance(first, str) or said("".join([*before, *again, text]))[0] == first[0]


def test_a_tax_number_is_escaped_in_the_lines_of_known_forms() -> None:
    header = HEADER.replace("<TaxRegistrationNumber>599999993<", '<TaxRegistrationNumber>5\n"9\\<')
    found = reading(document(sales(*[invoice(f"FT A/{n}") for n in range(4)]), header=header))
    numbers = [json.loads(to_json(record))["company_id"] for record in found.invoices]
    assert numbers == ['5\n"9\\'] * 4


REPEATED = {
    "as it was": (USUAL, "the same"),
    "with another order": (
        USUAL.replace("<Hash>0</Hash><HashControl>0</HashControl>", "").replace(
            "<ATCUD>", "<Hash>0</Hash><HashControl>0</HashControl><ATCUD>"
        ),
        "the same",
    ),
    "with blanks": (USUAL.replace("<Description>Broa", "<Description> Broa "), "the same"),
    "with an empty element": (USUAL.replace("<Hash>", "<TransactionID/><Hash>"), "the same"),
    "with another line": (USUAL.replace("<Quantity>1<", "<Quantity>2<"), "other"),
    "with another extra": (USUAL.replace("<SourceID>ana<", "<SourceID>eva<"), "other"),
}


@pytest.mark.parametrize("how", REPEATED)
def test_an_invoice_repeated_is_taken_once_if_it_says_the_same(how: str) -> None:
    again, content = REPEATED[how]
    others = [invoice(f"FT A/{n}") for n in range(3)]
    text = document(sales(*others, USUAL, again, invoice("FT A/10")))
    if content == "other":
        with pytest.raises(SaftError, match="stands twice in the file, with different content"):
            reading(text)
        return
    found = reading(text)
    numbers = [record.values[1] for record in found.invoices]
    assert numbers == ["FT A/0", "FT A/1", "FT A/2", "FT A/9", "FT A/10"]
    assert found.totals.invoices == 5
    assert found.codes.count("repeated_invoice") == 1
