"""Signatures in the pipeline: by the key of the program, and on from what the tables have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saft_pipeline_tests.fixtures.project import Command, Project
from saft_pipeline_tests.saft.test_corpus import CORPUS

KEYS = f"9999={CORPUS / 'php-public-key.txt'}"
GROSS = "<GrossTotal>679.61"  # of 1T 1/3


def without(text: str, invoices: list[str]) -> str:
    for invoice in invoices:
        text = text.replace(invoice, "")
    return text


@pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}")
@pytest.mark.parametrize(("gross", "found"), [(GROSS, []), ("<GrossTotal>679.60", ["1T 1/3"])])
def test_series_that_goes_on_in_a_later_file_is_verified_by_the_hash_in_the_tables(
    project: Project,
    saft: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    gross: str,
    found: list[str],
) -> None:
    monkeypatch.setenv("SAFT_PUBLIC_KEYS", KEYS)
    text = (CORPUS / "php-idemo.xml").read_text("cp1252")
    invoices = re.findall(r"<Invoice>.*?</Invoice>", text, re.DOTALL)
    first, second = tmp_path / "1.xml", tmp_path / "2.xml"
    first.write_text(without(text, invoices[2:]), "cp1252")
    second.write_text(without(text, invoices[:2]).replace(GROSS, gross), "cp1252")
    saft("ingest", first)
    (file,) = saft("ingest", second, "--json").json["files"]
    told = [w["message"] for w in file["warnings"] if w["code"] == "hash"]
    assert [re.findall(r"the first: (1T 1/[0-9]+)", message)[0] for message in told] == found


def test_file_without_a_key_is_told_before_anything_is_loaded(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    key.write_text("no key")
    (tmp_path / "f.xml").write_text("<AuditFile/>")
    monkeypatch.setenv("SAFT_PUBLIC_KEYS", f"9999={key}")
    done = saft("ingest", tmp_path / "f.xml")
    assert "it holds no public key" in done.err
    assert (done.status, "SAFT_PUBLIC_KEYS" in done.err) == (2, True)
