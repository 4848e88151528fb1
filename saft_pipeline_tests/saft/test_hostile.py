"""Files that nobody should write: each is refused with a message that tells what and where."""

from __future__ import annotations

import gzip
import io
import re
import socket
import tracemalloc
import zipfile

import pytest

from saft_pipeline.saft.errors import (
    ContentError,
    EncryptedSaftError,
    ForeignSaftError,
    IncompleteError,
    NotWellFormedError,
    NotXmlError,
    SaftError,
)
from saft_pipeline_tests.saft.documents import (
    HEADER,
    NAMESPACE,
    TOTALS,
    document,
    invoice,
    line,
    one_invoice,
    reading,
    sales,
)

GOOD = document(sales(invoice()))


def refusal(content: str | bytes, kind: type[SaftError] = SaftError) -> str:
    with pytest.raises(kind) as caught:
        reading(content)
    return str(caught.value)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("saft.xml", GOOD)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b" \r\n\t\n", "nothing but blanks"),
        (bytes(5000), "NUL bytes only"),
        (b"<!DOCTYPE html>\n<html></html>", "an HTML page"),
        (b"<html><body>404</body></html>", "an HTML page"),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<!DOCTYPE html PUBLIC "x" "y">', "an HTML page"),
        (b"Not found", "no XML: it begins with 'Not found'"),
        (b"a;b;c\n1;2;3\n", "no XML: it begins with 'a;b;c"),
        (b'{"error": "not found"}', "JSON"),
        (b'[{"a": 1}]', "JSON"),
        (gzip.compress(GOOD.encode()), "a gzip archive"),
        (zipped(), "a zip archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<feed><title/></feed>", "the root element is <feed>, not <AuditFile>"),
    ],
)
def test_file_that_is_no_saft_is_called_by_name(content: bytes, says: str) -> None:
    assert says in refusal(content, NotXmlError)


DOCTYPES = {
    "bare": "<!DOCTYPE AuditFile>",
    "external": '<!DOCTYPE AuditFile SYSTEM "http://127.0.0.1:9/x.dtd">',
    "external entity": '<!DOCTYPE AuditFile [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE AuditFile [<!ENTITY % x SYSTEM "http://127.0.0.1:9/"> %x;]>',
    "billion laughs": "<!DOCTYPE AuditFile [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]>",
    "quadratic": f"<!DOCTYPE AuditFile [<!ENTITY a '{'x' * 50_000}'>]>",
    "empty": "<!DOCTYPE AuditFile []>",
}


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_any_doctype_is_refused_before_anything_is_fetched_or_swells(
    doctype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", no_socket)
    body = GOOD.replace("Broa", "&a9;&a;&x;")
    assert "f.xml:2:1: a DOCTYPE is refused" in refusal(f"<?xml version='1.0'?>\n{doctype}{body}")


def test_doctype_after_a_long_prolog_is_refused() -> None:
    content = f"<!--{'x' * 600_000}-->\n{DOCTYPES['billion laughs']}{GOOD}"
    assert "a DOCTYPE is refused" in refusal(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (GOOD + "<!-- end -->junk", "f.xml:65:13: not well-formed: Extra content at the end"),
        (GOOD + GOOD, "f.xml:65:1: not well-formed: Extra content at the end"),
        (GOOD.replace("</Tax>", "</Text>"), "Opening and ending tag mismatch: Tax"),
        (GOOD.replace("Broa", "B & C"), "not well-formed: xmlParseEntityRef: no name"),
        (GOOD.replace("Broa", "&nbsp;"), "not well-formed: Entity 'nbsp' not defined"),
        (GOOD.replace("Broa", "a\x01b"), "not well-formed: PCDATA invalid Char value 1"),
        (GOOD.replace("Broa", "a\0b"), "NUL bytes in the text"),
        (GOOD + "\0" * 512, "NUL bytes in the text"),
        (GOOD.replace("Broa", "x" * 5_000 + "\0" + "y" * 5_000), "NUL bytes in the text"),
        (GOOD.replace("<Tax>", '<Tax a="1" a="2">'), "not well-formed: Attribute a redefined"),
        (GOOD.replace("<Tax>", "<x:Tax>").replace("</Tax>", "</x:Tax>"), "Namespace prefix x"),
        (GOOD.replace("<Tax>", "<<<<<<< HEAD\n<Tax>"), "invalid element name"),
        (GOOD.replace("Broa", "a ]]> b"), "not well-formed: Sequence ']]>' not allowed"),
    ],
)
def test_document_that_is_not_well_formed_is_refused(content: str, says: str) -> None:
    assert says in refusal(content, NotWellFormedError)


def test_nul_bytes_behind_another_fault_are_not_its_reason() -> None:
    assert "NUL" not in refusal(GOOD.replace("<Tax>", "<T&ax>") + "\0", NotWellFormedError)


@pytest.mark.parametrize("opening", ["<!--", "<![CDATA[", "<Text>"])
def test_eleven_megabytes_in_one_element_are_refused(opening: str) -> None:
    closing = {"<!--": "-->", "<![CDATA[": "]]>", "<Text>": "</Text>"}[opening]
    content = document(f"<Other>{opening}{'x' * 11_000_000}{closing}</Other>")
    assert re.match(r"f\.xml:\d+:\d+: ", refusal(content))


def test_text_of_many_parts_is_limited_too() -> None:
    content = GOOD.replace("<Hash>0", "<Hash>" + ("x" * 1_000_000 + "<!-- -->") * 11)
    assert "more than 10000000 characters of text in <Hash>" in refusal(content, ContentError)


@pytest.mark.parametrize("place", ["<MasterFiles>", "<Header>", "<Anything>"])
def test_five_thousand_levels_are_refused(place: str) -> None:
    nested = "<a>" * 5000 + "</a>" * 5000
    content = document(place + nested + place.replace("<", "</"), header="")
    assert "elements nested deeper than 256 levels" in refusal(content)


def test_two_hundred_and_fifty_levels_are_read() -> None:
    nested = "<a>" * 250 + "</a>" * 250
    assert len(reading(document(nested, sales(invoice()))).invoices) == 1


def test_two_hundred_thousand_attributes_are_read_in_little_memory() -> None:
    attributes = " ".join(f'a{n}="{n}"' for n in range(200_000))
    content = document(sales(invoice())).replace("<Tax>", f"<Tax {attributes}>").encode()
    tracemalloc.start()
    assert one_invoice(content).lines[0][11] == "IVA"
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_hundreds_of_thousands_of_elements_in_one_unit_are_refused() -> None:
    content = document(
        "<MasterFiles><Customer>" + "<a>1</a>" * 200_001 + "</Customer></MasterFiles>"
    )
    assert (
        "<Customer>, or all that its document holds, is more than 10000000 characters"
        in refusal(content)
    )


@pytest.mark.parametrize("cut", range(50, len(GOOD) - 13, 97))
def test_truncated_file_is_incomplete_not_malformed(cut: int) -> None:
    assert "the file ends before </AuditFile>" in refusal(GOOD[:cut], IncompleteError)


def test_truncated_file_tells_its_last_line() -> None:
    cut = GOOD.index("<GrossTotal>")
    place = GOOD[:cut].count("\n") + 1
    assert refusal(GOOD[:cut], IncompleteError).startswith(f"f.xml:{place}:1: ")


@pytest.mark.parametrize(
    ("namespace", "country"),
    [
        ("urn:OECD:StandardAuditFile-Tax:AO_1.01_01", "Angola"),
        ("urn:StandardAuditFile-Taxation-Financial:NO", "Norway"),
        ("urn:StandardAuditFile-Taxation-Financial:DK", "Denmark"),
        ("mfp:anaf:dgti:d406:declaratie:v1", "Romania"),
        ("urn:OECD:StandardAuditFile-Tax:LU_2.01", "Luxembourg"),
    ],
)
def test_other_countrys_namespace_is_refused_by_name(namespace: str, country: str) -> None:
    says = f"this is a SAF-T of {country}, not of Portugal"
    assert says in refusal(document(namespace=namespace), ForeignSaftError)


def test_other_countrys_namespace_is_seen_behind_a_prefix() -> None:
    content = '<n1:AuditFile xmlns:n1="urn:StandardAuditFile-Taxation-Financial:NO"/>'
    assert "SAF-T of Norway" in refusal(content, ForeignSaftError)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<Country>PT", "<Country>AO", "SAF-T of Angola"),
        ("<CurrencyCode>EUR", "<CurrencyCode>NOK", "the currency in its Header is 'NOK'"),
    ],
)
def test_header_of_another_country_is_refused_without_our_namespace(
    old: str, new: str, says: str
) -> None:
    content = GOOD.replace(NAMESPACE, "urn:something:else").replace(old, new)
    assert says in refusal(content, ForeignSaftError)


def test_encrypted_values_are_called_that() -> None:
    header = re.sub(r">[^<>\n]+<", ">hCGHoHfyRA==<", HEADER)
    assert "CryptoSAF-T" in refusal(document(header=header), EncryptedSaftError)


def test_header_without_taxpayer_fails() -> None:
    content = GOOD.replace("<TaxRegistrationNumber>599999993</TaxRegistrationNumber>", "")
    assert "f.xml:2:1: the Header has no TaxRegistrationNumber" in refusal(content, ContentError)


def test_file_without_header_fails() -> None:
    assert "has no Header" in refusal(document(header=""), ContentError)


@pytest.mark.parametrize(
    "body", ["<MasterFiles><Customer/></MasterFiles>", sales(invoice())], ids=["master", "sales"]
)
def test_records_before_the_header_are_refused(body: str) -> None:
    assert "comes before the Header" in refusal(document(body, HEADER, header=""), ContentError)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "<UnitPrice>10.00",
            "<UnitPrice>10,00",
            "UnitPrice of invoice FT A/1 is '10,00', not",
        ),
        ("<UnitPrice>10.00", "<UnitPrice>1e3", "UnitPrice of invoice FT A/1 is '1e3'"),
        ("<GrossTotal>12.30", "<GrossTotal>NaN", "GrossTotal of invoice FT A/1 is 'NaN'"),
        ("<GrossTotal>12.30", "<GrossTotal>١٢", "GrossTotal of invoice FT A/1 is '١٢'"),
        (
            "<InvoiceDate>2025-03-01",
            "<InvoiceDate>20250131",
            "InvoiceDate of invoice FT A/1 is '",
        ),
        ("<InvoiceDate>2025-03-01", "<InvoiceDate>2025-02-30", "is '2025-02-30', not a date"),
        ("T10:00:00</SystemEntryDate", "</SystemEntryDate", "not a date and time such as"),
        ("<LineNumber>1", "<LineNumber>1.0", "LineNumber of invoice FT A/1 is '1.0'"),
        ("<TaxPercentage>23", "<TaxPercentage>23%", "TaxPercentage of invoice FT A/1 is '23%'"),
        ("<NumberOfEntries>1", "<NumberOfEntries>one", "NumberOfEntries is 'one'"),
        ("<StartDate>2025-01-01", "<StartDate>01/01/2025", "StartDate is '01/01/2025'"),
    ],
)
def test_value_of_another_form_is_refused_with_line_column_element_and_value(
    old: str, new: str, says: str
) -> None:
    at = GOOD.index(old) if old[0] == "<" else GOOD.index("<SystemEntryDate")
    place = f"f.xml:{GOOD[:at].count(chr(10)) + 1}:1: "
    message = refusal(GOOD.replace(old, new, 1), ContentError)
    assert message.startswith(place)
    assert says in message


@pytest.mark.parametrize("lines", ["one", "many"])
@pytest.mark.parametrize("size", [16, 700])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<StartDate>2025-01-01", "<StartDate>1/1/2025"),
        ("<UnitPrice>10.00", "<UnitPrice>10,00"),
        ("<CompanyName>", "<CompanyName>&nbsp;"),
        ("<ProductDescription>", "<ProductDescription>&nbsp;"),
        ("</UnitPrice>", "</Price>"),
        ("<TotalDebit>", "<TotalDebit><Invoice/>"),
        ("<TotalDebit>0", "<TotalDebit><Invoice>"),
    ],
)
def test_place_is_known_however_the_pieces_fall(
    old: str, new: str, size: int, lines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = GOOD.replace(old, new)
    if lines == "one":
        content = content.replace("\n", "")
    whole = refusal(content)
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", size)
    assert refusal(content) == whole


def test_column_counts_characters_not_bytes() -> None:
    content = GOOD.replace("<TaxPayable>2.30", "<!-- ção --><TaxPayable>2,30")
    assert re.match(r"f\.xml:\d+:13: TaxPayable", refusal(content))


@pytest.mark.parametrize("tag", ["InvoiceNo", "CustomerID", "GrossTotal", "Hash", "SourceID"])
def test_element_inside_a_leaf_is_refused(tag: str) -> None:
    content = GOOD.replace(f"</{tag}>", f"<b>1</b></{tag}>")
    assert f"<b> stands inside <{tag}>, which holds text only" in refusal(content, ContentError)


def test_invoice_without_number_fails_with_its_line() -> None:
    content = document(sales(invoice(None)))
    at = content[: content.index("<Invoice>")].count("\n") + 1
    assert refusal(content) == f"f.xml:{at}: an Invoice has no InvoiceNo"


def test_repeated_number_with_other_content_fails() -> None:
    content = document(sales(invoice(), invoice(lines=line(amount="11.00"))))
    assert "InvoiceNo 'FT A/1' stands twice in the file" in refusal(content, ContentError)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("<InvoiceDate>2025-03-01</InvoiceDate>", "<InvoiceDate>2025-03-02</InvoiceDate>"),
        (TOTALS, TOTALS.replace("12.30", "12.31")),
        ("<ProductCode>P1</ProductCode>", "<ProductCode>P2</ProductCode>"),
    ],
)
def test_one_fact_told_twice_with_other_content_fails(where: str, what: str) -> None:
    assert "stands twice, as " in refusal(GOOD.replace(where, where + what), ContentError)


def test_foreign_documents_do_not_need_our_namespace() -> None:
    assert len(reading(GOOD.replace(NAMESPACE, "urn:something:else")).invoices) == 1
