"""A document as a whole: its records in order, text, warnings, and the file it comes from."""

from __future__ import annotations

import io
import os
import re
import threading
from pathlib import Path

import pytest

from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.records import Header, Totals
from saft_pipeline_tests.saft.documents import (
    column,
    document,
    invoice,
    invoice_with,
    line,
    of_line,
    one_invoice,
    reading,
    sales,
)


def test_header_comes_first_and_totals_last() -> None:
    records = reading(document(sales(invoice()))).records
    assert [type(records[0]), type(records[-1])] == [Header, Totals]


def test_header_gives_the_company_and_keeps_the_rest() -> None:
    header = reading(document()).header
    assert header.values == (
        *("599999993", "Padaria São João, Lda", None),
        *("Rua do Almada 1", "Porto", "4050-030", "PT"),
    )
    assert (header.audit_file_version, header.date_created) == ("1.04_01", "2026-01-05")
    assert header.extra["currency_code"] == "EUR"


@pytest.mark.parametrize("basis", ["C", "R", "T"])
def test_basis_without_invoices_is_valid_and_empty(basis: str) -> None:
    text = document().replace("Basis>F", f"Basis>{basis}")
    found = reading(text)
    assert found.invoices == []
    assert found.warnings == []
    assert found.totals.computed.number_of_entries == 0


def test_prefix_and_namespace_do_not_matter() -> None:
    text = document(sales(invoice()))
    prefixed = re.sub(r"<(/?)([A-Z])", r"<\1n-1:\2", text).replace("xmlns=", "xmlns:n-1=")
    assert one_invoice(prefixed).values == one_invoice(text).values
    assert list(one_invoice(prefixed).lines) == list(one_invoice(text).lines)


def test_attributes_are_passed_by_even_with_angle_brackets_in_them() -> None:
    text = document(sales(invoice())).replace("<InvoiceNo>", "<InvoiceNo a='>' b = \"/>'\" >")
    assert column(one_invoice(text), "invoice_no") == "FT A/1"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("P&#227;o &amp; Broa", "Pão & Broa"),
        ("P&#xE3;o &lt;b&gt; &quot;x&quot; &apos;y&apos;", "Pão <b> \"x\" 'y'"),
        ("<![CDATA[Pão & <b>Broa</b>]]>", "Pão & <b>Broa</b>"),
        ("Pão <![CDATA[&amp;]]> Broa", "Pão &amp; Broa"),
        ("Pão<!-- <Line> --> Broa", "Pão Broa"),
        ("Pão<?x </Line> ?> Broa", "Pão Broa"),
        ("<!-- a --><!-- b -->Pão<!-- c -->", "Pão"),
        ("\n\t Pão\n  de milho \n", "Pão\n  de milho"),
        ("&amp;amp;", "&amp;"),
        ("\u00a0Pão\u00a0", "\u00a0Pão\u00a0"),
        ("   ", None),
        ("", None),
    ],
)
def test_text_is_read_rightly_and_stripped(written: str, read_as: str | None) -> None:
    text = document(sales(invoice())).replace("<Description>Broa", f"<Description>{written}")
    assert of_line(one_invoice(text), "description") == read_as


def test_empty_element_is_absent() -> None:
    found = invoice_with(
        lines=line().replace("<UnitOfMeasure>UN</UnitOfMeasure>", "<UnitOfMeasure />")
    )
    assert of_line(found, "unit_of_measure") is None


def test_line_ends_of_windows_are_line_feeds() -> None:
    text = document(sales(invoice())).replace("<Description>Broa", "<Description>Broa\nde milho")
    found = one_invoice(text.replace("\n", "\r\n"))
    assert of_line(found, "description") == "Broa\nde milho"
    assert found.line == one_invoice(text).line


def test_unknown_version_is_a_warning() -> None:
    assert reading(document().replace("1.04_01</A", "9.9</A")).codes == ["version"]


def test_version_of_another_namespace_is_a_warning() -> None:
    (message,) = reading(document().replace("1.04_01</A", "1.03_01</A")).messages("version")
    assert message == "AuditFileVersion is '1.03_01', and the namespace is that of 1.04_01"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<Country>PT", "<Country>Portugal", "Country in the Header is 'Portugal', not PT"),
        ("<Country>PT", "<Country>ES", "Country in the Header is 'ES', not PT"),
        ("<CurrencyCode>EUR", "<CurrencyCode>€", "CurrencyCode in the Header is '€', not EUR"),
    ],
)
def test_another_country_or_currency_in_our_namespace_is_a_warning(
    old: str, new: str, says: str
) -> None:
    found = reading(document(sales(invoice())).replace(old, new))
    assert [w["message"] for w in found.warnings] == [says]
    assert len(found.invoices) == 1


@pytest.mark.parametrize("country", ["pt", "Portugal", "PRT"])
def test_portugal_is_not_foreign_in_any_namespace(country: str) -> None:
    text = document(namespace="urn:x").replace("<Country>PT", f"<Country>{country}")
    assert reading(text).header.values[6] == country


def test_country_before_the_nine_digits_is_taken_off_with_a_warning() -> None:
    found = reading(document(sales(invoice())).replace("Number>599", "Number>PT599"))
    assert found.header.values[0] == "599999993"
    assert column(found.invoices[0], "company_id") == "599999993"
    assert found.codes == ["tax_registration_number"]


def test_text_between_elements_is_a_warning() -> None:
    found = reading(document(sales("stray" + invoice(), entries=1)))
    assert found.codes == ["stray_text"]
    assert len(found.invoices) == 1


def test_invoices_elsewhere_than_in_sales_invoices_are_passed_over() -> None:
    assert reading(document(f"<Elsewhere>{invoice()}</Elsewhere>")).invoices == []


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_nothing_changes_however_the_pieces_fall(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = document(sales(invoice("FT A/1", head="<!-- é -->"), invoice("FT A/2", status="A")))
    whole = reading(text)
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", size)
    cut = reading(text)
    assert [(i.values, list(i.lines), i.line) for i in cut.invoices] == [
        (i.values, list(i.lines), i.line) for i in whole.invoices
    ]


def test_file_opened_by_path_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    path.write_text(document(), encoding="utf-8")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with read_document(path, name="f.xml") as opened:
        assert len(list(opened)) == 2
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_stream_that_can_not_be_read_twice_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with read_document(Pipe(document().encode()), name="pipe") as opened:
        assert len(list(opened)) == 2


def test_path_of_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(document().encode(),))
    writer.start()
    with read_document(path, name="pipe") as opened:
        assert len(list(opened)) == 2
    writer.join()
