"""The verdict of schemas: a small one of XSD 1.0 and 1.1, and the real ones beside the clone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from saft_pipeline.saft.rules import xsd
from saft_pipeline_tests.fixtures.project import Command
from saft_pipeline_tests.saft.rules.conformance import cases

SHARED = Path(__file__).parents[3].parent / "shared"
CONTENT = {case.name: case.content for case in cases()}["header_dates-2"]
SPACE = "urn:OECD:StandardAuditFile-Tax:PT_1.04_01"
HEADER = """<xs:element name="AuditFileVersion" type="xs:string"/>
    <xs:any processContents="skip" maxOccurs="unbounded"/>"""
ANYTHING = '<xs:any processContents="skip" maxOccurs="unbounded"/>'
GYEAR = "'1.04_01' is not a valid value of the atomic type 'xs:gYear'."
ASSERTED = '<xs:assert test="s:CompanyID = 1"/>'
# The schemas of their versions refuse these and no others of the cases that can be read.
INVALID = {
    *("04-type-unknown", "06-efatura-no-products", "08-exemption-code-text", "14-currency-no-rate"),
    *("23-negative-line", "25-no-lines", "26-no-date-no-type", "27-no-totals"),
    *("28-no-hash-certified", "31-no-tax", "32-taxbase-with-price", "55-zero-vat-basket-2023"),
    *("57-customerid-dup", "58-hash-200-chars", "61-header-currency-lower", "62-country-portugal"),
    *("63-pt-nif-prefix", "76-receipt-payments", "83-header-country-lowercase"),
    *("89-101-not-certified", "90-atcud-missing", "96-totals-missing-control"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.xml"
    path.write_bytes(CONTENT)
    return path


def schema(folder: Path, header: str, asserted: str = "") -> Path:
    """A folder with a schema that looks at no more than the Header."""
    (folder / "SAFTPT1.04_01.xsd").write_text(f"""
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{SPACE}" xmlns:s="{SPACE}"
 elementFormDefault="qualified"><xs:element name="AuditFile"><xs:complexType><xs:sequence>
  <xs:element name="Header"><xs:complexType><xs:sequence>{header}</xs:sequence>{asserted}
  </xs:complexType></xs:element>{ANYTHING}</xs:sequence></xs:complexType></xs:element></xs:schema>
""")
    return folder


def line_of(text: bytes) -> int:
    return CONTENT[: CONTENT.index(text)].count(b"\n") + 1


@pytest.mark.parametrize(
    ("version", "asserted", "element", "says"),
    [
        ("gYear", "", "AuditFileVersion", GYEAR),
        ("string", ASSERTED, "Header", " false s:CompanyID = 1"),
    ],
    ids=["1.0", "1.1"],
)
def test_what_a_schema_says_is_a_finding_with_its_line(
    saft: Command, tmp_path: Path, file: Path, version: str, asserted: str, element: str, says: str
) -> None:
    folder = schema(tmp_path, HEADER.replace("string", version), asserted)
    done = saft("validate", file, "--xsd", folder, "--json")
    (told,) = json.loads(done.out)["files"]
    assert (done.status, told["counts"]) == (1, {"xsd": 1})
    (found,) = told["findings"]
    assert found.pop("found").endswith(says)
    assert found == {
        "rule": "xsd", "check": "xsd", "severity": "error", "document": element,
        "line": line_of(f"<{element}".encode()), "expected": None,
        "source": "the schema given",
    }  # fmt: skip


def test_valid_file_has_no_finding_and_of_many_a_hundred_are_kept(
    saft: Command, tmp_path: Path, file: Path
) -> None:
    odd = '<xs:element name="Odd" type="xs:int" minOccurs="0" maxOccurs="unbounded"/>'
    folder = schema(tmp_path, odd + HEADER)
    assert saft("validate", file, "--xsd", folder) == saft("validate", file)
    file.write_bytes(
        CONTENT.replace(b"<AuditFileVersion>", b"<Odd/>" * 150 + b"<AuditFileVersion>")
    )
    done = saft("validate", file, "--xsd", folder, "--rules", "nif")
    assert (done.status, done.out.count(": error xsd Odd: found ''")) == (1, 100)
    assert f"{file}: xsd: and 50 more" in done.out


def test_verdict_that_cannot_be_given_says_what_to_do(
    saft: Command, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no schema is there" in saft("validate", file, "--xsd", empty).err
    folder = schema(tmp_path, HEADER, ASSERTED)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "xmlschema", None)
        done = saft("validate", file, "--xsd", folder)
        assert (done.status, "pip install 'saft_pipeline[xsd]'" in done.err) == (2, True)
    (folder / "SAFTPT1.04_01.xsd").write_text("<xs:schema")
    assert "SAFTPT1.04_01.xsd can't be read" in saft("validate", file, "--xsd", folder).err
    (folder / "SAFTPT1.04_01.xsd").rename(folder / "SAFTPT1.03_01.xsd")
    assert "get SAFTPT1.04_01.xsd" in saft("validate", file, "--xsd", folder).err
    monkeypatch.setattr(xsd, "MOST_VALIDATED", 1000)
    assert "schemas judge at most 1,000" in saft("validate", file, "--xsd", folder).err


@pytest.mark.skipif(not (SHARED / "xsd").exists(), reason=f"no schemas at {SHARED}")
def test_the_schemas_refuse_what_they_do_and_nothing_else(saft: Command) -> None:
    done = saft("validate", SHARED / "cases", "--xsd", SHARED / "xsd", "--json")
    files = json.loads(done.out)["files"]
    assert {Path(f["file"]).stem for f in files if "xsd" in f["counts"]} == INVALID
