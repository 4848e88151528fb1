"""An invoice that is cut out of the text says what libxml2 reads of it, or is left to libxml2."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.saft import splitting, text_forms
from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.text_forms import Cut, TextForms, Tree
from saft_pipeline_tests.saft.documents import document, invoice, line, sales

WRAPPER = b"<SalesInvoices>"
TWO_PAYMENTS = "".join(
    f"<Payment><PaymentMechanism>NU</PaymentMechanism><PaymentAmount>{amount}</PaymentAmount>"
    "<PaymentDate>2025-03-01</PaymentDate></Payment>"
    for amount in ("2.30", "10.00")
)
USUAL = [invoice(f"FT A/{n}", line(1) + line(2, body="<Settlement/>")) for n in range(12)]
ODD = {
    "entity": ("Broa", "P&amp;C"),
    "character": ("Broa", "&#65;"),
    "undefined entity": ("Broa", "&broa;"),
    "comment in a value": ("Broa", "Br<!-- x -->oa"),
    "comment that holds a tag": ("<Tax>", "<!-- <Tax> --><Tax>"),
    "CDATA": ("Broa", "<![CDATA[Broa]]>"),
    "instruction": ("<Tax>", "<?x y?><Tax>"),
    "attribute": ("<Tax>", '<Tax a="b">'),
    "attribute with a bracket": ("<Description>Broa", '<Description a="b>c">Broa'),
    "namespace": ("<Tax>", '<Tax xmlns="urn:other">'),
    "bracket in a value": ("Broa", "Br>oa"),
    "end of CDATA in a value": ("Broa", "Br]]>oa"),
    "blank before": ("Broa", " Broa"),
    "blank after": ("Broa", "Broa "),
    "nothing but a blank": ("Broa", " "),
    "nothing": ("Broa", ""),
    "line feed": ("Broa", "Br\noa"),
    "tab": ("Broa", "Br\toa"),
    "control": ("Broa", "Br\x01oa"),
    "separator": ("Broa", "Br\x1foa"),
    "NUL": ("Broa", "Br\0oa"),
    "no character": ("Broa", "Br\uffffoa"),
    "soft hyphen": ("Broa", "Br\xadoa"),
    "no-break space": ("Broa", "\xa0Broa\xa0"),
    "emoji": ("Broa", "\U0001f956"),
    "stray text": ("<Tax>", "stray<Tax>"),
    "stray no-break space": ("<Tax>", "\xa0<Tax>"),
    "stray text at the end": ("</Tax>", "</Tax>stray"),
    "stray text before the end": ("</DocumentTotals>\n", "</DocumentTotals>stray"),
    "stray text behind the invoice": ("</Invoice>\n", "</Invoice>\nstray"),
    "blank in a tag": ("<Tax>", "<Tax >"),
    "blank in an end tag": ("</Tax>", "</Tax\n>"),
    "tag closed in itself": ("<Quantity>1</Quantity>", "<Quantity/>"),
    "tag that is not closed": ("</Tax>", ""),
    "tag closed by another": ("</Tax>", "</Line>"),
    "tag closed too often": ("</Tax>", "</Tax></Tax>"),
    "half a tag": ("<Tax>", "<Tax"),
    "bracket too many": ("<Tax>", "<<Tax>"),
    "element in a value": ("Broa", "<b>Broa</b>"),
    "unknown element": ("<Tax>", "<New>1</New><Tax>"),
    "element again": ("<TaxCode>NOR</TaxCode>", "<TaxCode>NOR</TaxCode><TaxCode>NOR</TaxCode>"),
    "no amount": ("12.30", "12,30"),
    "amount that is put otherwise": ("12.30", "-0"),
    "amount without a zero": ("12.30", ".57"),
    "no such day": ("2025-03-01<", "2025-02-30<"),
    "zeros before": ("<LineNumber>1<", "<LineNumber>01<"),
    "line number again": ("<LineNumber>2<", "<LineNumber>1<"),
    "no number": ("<InvoiceNo>FT A/7</InvoiceNo>", ""),
    "number again": ("FT A/7", "FT A/3"),
    "other blanks": ("\n<Tax>", "\t \n\n<Tax>"),
    "two payments": ("</DocumentTotals>", TWO_PAYMENTS + "</DocumentTotals>"),
    "invoices in a comment": ("</Invoice>\n", "</Invoice>\n<!-- " + "".join(USUAL[:4]) + " -->"),
    "invoices in an open comment": ("</Invoice>\n", "</Invoice>\n<!-- " + "".join(USUAL[:4])),
    "invoices in CDATA": ("Broa", "<![CDATA[" + "".join(USUAL[:4]) + "]]>"),
    "invoices in an instruction": ("<Tax>", "<?x " + "".join(USUAL[:4]) + " ?><Tax>"),
    "invoice in an invoice": ("<Tax>", USUAL[0] + "<Tax>"),
}


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> object:
    """A chunk holds two or three invoices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splitting, "CHUNK", 4000)
        patch.setattr("saft_pipeline.saft.encoding.PIECE", 1500)
        yield


def said(text: str, luck: int) -> tuple[bytes, list[object], str | None]:
    """The lines, the warnings and the refusal."""
    with (
        pytest.MonkeyPatch.context() as patch,
        read_document(io.BytesIO(text.encode()), name="f.xml") as opened,
    ):
        patch.setattr(splitting, "LUCK", luck)
        try:
            return b"".join(map(to_json, opened)), list(opened.warnings), None
        except SaftError as error:
            return b"", list(opened.warnings), str(error)


def assert_same(text: str) -> None:
    assert said(text, text_forms.LUCK) == said(text, 0)


def kinds(forms: TextForms, text: str) -> list[type]:
    return [type(part) for part in forms.parts(text, 1) or ()]


def test_invoices_with_the_tags_of_one_before_are_cut_out() -> None:
    assert kinds(TextForms(WRAPPER), "".join(USUAL[:4])) == [Tree, Tree, Cut, Cut]


def test_columns_that_several_elements_fill_are_settled() -> None:
    twice = [u.replace("</DocumentTotals>", TWO_PAYMENTS + "</DocumentTotals>") for u in USUAL]
    assert kinds(TextForms(WRAPPER), "".join(twice[:3])) == [Tree, Tree, Cut]
    assert_same(document(sales(*twice)))


def test_each_has_its_line() -> None:
    parts = TextForms(WRAPPER).parts("".join(USUAL[:3]), 10) or ()
    assert [part.line for part in parts] == [10 + n * USUAL[0].count("\n") for n in range(3)]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("at", [[7], [0, 1, 2, 3, 7, 8]], ids=["once", "often"])
def test_what_is_odd_is_read_as_libxml2_reads_it(name: str, at: list[int]) -> None:
    old, new = ODD[name]
    texts = [text.replace(old, new, 1) if n in at else text for n, text in enumerate(USUAL)]
    if at == [7]:
        assert texts != USUAL
    assert_same(document(sales(*texts)))


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from(
                (
                    *("<", ">", "&", "<!--", "-->", "<![CDATA[", "]]>", "<?x ", "?>", "/"),
                    *("\n", "\r", " ", "\xa0", "\x01", "x", '"'),
                    *("</Tax>", "<Line>", "<Invoice>", "</Invoice>"),
                )
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_stands_anywhere_is_read_as_libxml2_reads_it(
    changes: list[tuple[float, str]],
) -> None:
    text = document(sales(*USUAL))
    first = text.index("<Invoice>")
    for where, what in changes:
        at = first + int(where * (len(text) - first))
        text = text[:at] + what + text[at:]
    assert_same(text)


def test_prefix_is_that_of_the_document() -> None:
    text = re.sub(r"<(/?)([A-Z])", r"<\1n:\2", document(sales(*USUAL)))
    assert_same(text.replace("xmlns=", "xmlns:n="))


def test_where_hardly_any_can_be_cut_out_it_is_not_tried_any_further() -> None:
    forms = TextForms(WRAPPER, luck=3)
    kinds(forms, "".join(USUAL[:1] + [text.replace("Broa", "P&amp;C") for text in USUAL[1:4]]))
    assert kinds(forms, "".join(USUAL[4:7])) == [Tree]


def test_tags_of_a_large_invoice_are_not_kept() -> None:
    large = invoice("FT A/1", "".join(line(n) for n in range(80)))
    assert kinds(TextForms(WRAPPER), large * 3) == [Tree]


def test_no_more_kinds_are_known_than_memory_is_meant_to_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_forms, "_MOST", 1)
    other = [text.replace("<Settlement/>", "<Settlement></Settlement>") for text in USUAL]
    assert kinds(TextForms(WRAPPER), "".join([*USUAL[:3], *other[:3]])) == [Tree, Tree, Cut, Tree]
