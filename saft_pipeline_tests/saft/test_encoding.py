"""Which encoding a file is read in, whatever it declares, and what is said about it."""

from __future__ import annotations

import codecs
import io

import pytest

from saft_pipeline.saft.encoding import PIECE, Encoding, Text, detect
from saft_pipeline.saft.errors import EncodingRefusedError, IncompleteError
from saft_pipeline_tests.saft.documents import document, invoice, line, one_invoice, reading, sales

NAME = "Padaria São João, Lda"


def declared(encoding: str) -> str:
    return document(declaration=f'<?xml version="1.0" encoding="{encoding}"?>\n')


@pytest.mark.parametrize(
    ("declaration", "codec", "mark"),
    [
        ("UTF-8", "utf-8", b""),
        ("utf8", "utf-8", b""),
        ("UTF-8", "utf-8", codecs.BOM_UTF8),
        ("Windows-1252", "cp1252", b""),
        ("WINDOWS-1252", "cp1252", b""),
        ("ISO-8859-1", "iso8859-1", b""),
        ("iso-8859-15", "iso8859-15", b""),
        ("UTF-16", "utf-16-le", codecs.BOM_UTF16_LE),
        ("UTF-16", "utf-16-be", codecs.BOM_UTF16_BE),
        ("UTF-16LE", "utf-16-le", b""),
        ("UTF-16BE", "utf-16-be", b""),
    ],
)
def test_true_declaration_is_followed_without_a_warning(
    declaration: str, codec: str, mark: bytes
) -> None:
    found = reading(mark + declared(declaration).encode(codec))
    assert found.header.values[1] == NAME
    assert found.warnings == []


@pytest.mark.parametrize(
    ("declaration", "codec", "says"),
    [
        ("Windows-1252", "utf-8", "declared as Windows-1252, read as UTF-8"),
        ("ISO-8859-1", "utf-8", "declared as ISO-8859-1, read as UTF-8"),
        ("UTF-8", "cp1252", "declared as UTF-8, read as Windows-1252"),
        ("US-ASCII", "cp1252", "declared as US-ASCII, read as Windows-1252"),
        ("UTF-16", "cp1252", "declared as UTF-16, read as Windows-1252"),
        ("UTF-8", "utf-16-le", "declared as UTF-8, read as UTF-16"),
    ],
)
def test_lying_declaration_is_corrected_with_a_warning(
    declaration: str, codec: str, says: str
) -> None:
    found = reading(declared(declaration).encode(codec))
    assert found.header.values[1] == NAME
    (message,) = found.messages("encoding")
    assert says in message


def test_no_declaration_and_no_utf8_is_windows_1252_with_a_warning() -> None:
    found = reading(document().encode("cp1252"))
    assert found.header.values[1] == NAME
    assert "no encoding declared, read as Windows-1252" in found.messages("encoding")[0]


def test_latin_1_with_windows_characters_is_windows_1252_with_a_warning_and_its_line() -> None:
    text = declared("ISO-8859-1").replace("Rua do Almada", "Café “Aliança” €")
    found = reading(text.encode("cp1252"))
    assert found.header.values[3] == "Café “Aliança” € 1"
    (warning,) = [w for w in found.warnings if w["code"] == "encoding"]
    assert warning["line"] == 10


def test_utf8_found_only_at_the_very_end_decides_for_the_whole_file() -> None:
    head = "<?xml version='1.0' encoding='Windows-1252'?>\n"
    filler = "<!-- " + "x" * (3 * PIECE) + " -->"
    text = document(filler, sales(invoice(lines=line(body=""))), declaration=head)
    text = text.replace("São João", "Sao Joao").replace("Broa", "Pão")
    assert one_invoice(text.encode()).lines[0][2] == "Pão"


@pytest.mark.parametrize("byte", [0x81, 0x8D, 0x8F, 0x90, 0x9D])
@pytest.mark.parametrize("declaration", ["Windows-1252", "ISO-8859-1"])
def test_byte_that_windows_1252_does_not_define_fails_with_its_place(
    byte: int, declaration: str
) -> None:
    data = declared(declaration).encode("cp1252").replace(b"Porto", b"Por" + bytes([byte]))
    with pytest.raises(EncodingRefusedError) as caught:
        reading(data)
    assert str(caught.value) == f"f.xml:11:10: byte 0x{byte:02X} is not a character of Windows-1252"


def test_broken_surrogate_in_utf_16_fails_with_its_line() -> None:
    data = declared("UTF-16").encode("utf-16-le").replace("ã".encode("utf-16-le"), b"\x00\xd8")
    with pytest.raises(EncodingRefusedError, match=r"^f\.xml:8:23: byte 0x00 is not a character"):
        reading(data)


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (declared("UTF-7").encode("ascii", "replace"), "UTF-7"),
        (declared("KOI8-R").encode("ascii", "replace"), "KOI8-R"),
        (declared("windows-1250").encode("ascii", "replace"), "windows-1250"),
        (declared("klingon").encode("ascii", "replace"), "klingon"),
        (declared("base64").encode("ascii", "replace"), "base64"),
        (declared("IBM037").encode("cp037", "replace"), "EBCDIC"),
        (declared("UTF-32").encode("utf-32-le"), "UTF-32"),
        (declared("UTF-32").encode("utf-32-be"), "UTF-32"),
        (codecs.BOM_UTF32_LE + declared("UTF-32").encode("utf-32-le"), "UTF-32"),
        (codecs.BOM_UTF32_BE + declared("UTF-32").encode("utf-32-be"), "UTF-32"),
    ],
)
def test_other_encoding_is_refused_by_name(data: bytes, title: str) -> None:
    with pytest.raises(EncodingRefusedError, match=f"the encoding '{title}' isn't read"):
        reading(data)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "cp1252", "iso8859-15"])
def test_text_is_the_same_however_the_pieces_fall(
    codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "<a>\r\nSão João €\r€</a>\r\n"
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", 1)
    names = {"cp1252": "Windows-1252", "iso8859-15": "ISO-8859-15"}
    head = f'<?xml version="1.0" encoding="{names.get(codec, codec)}"?>'
    source = io.BytesIO((head + text).encode(codec))
    encoding = detect(source)
    source.seek(0)
    assert "".join(Text(source, encoding)) == head + "<a>\nSão João €\n€</a>\n"


@pytest.mark.parametrize("size", [1, 7, 300])
def test_every_letter_of_windows_1252_is_read(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", size)
    letters = bytes(sorted({*range(0x20, 0x100)} - {0x81, 0x8D, 0x8F, 0x90, 0x9D}))
    text = "".join(Text(io.BytesIO(letters), Encoding("cp1252")))
    assert text == letters.decode("cp1252")


def test_character_cut_by_the_end_is_an_incomplete_file() -> None:
    data = document().encode()
    cut = data.index("ã".encode()) + 1
    with pytest.raises(IncompleteError):
        reading(data[:cut])
