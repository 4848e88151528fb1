"""Invoices that other processes read give the rows, artifact and findings they give here."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import random
import signal
from pathlib import Path
from typing import BinaryIO

import pytest

from saft_pipeline.artifacts.local import LocalArtifacts
from saft_pipeline.loading.read import FileToRead, Reading, read_file
from saft_pipeline.saft import parallel, splitting
from saft_pipeline.saft.totals import RunningTotals
from saft_pipeline.sftp.model import Fetched, RemoteFile
from saft_pipeline_tests.saft.documents import document, invoice, line, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS
from saft_pipeline_tests.saft.test_corpus import CORPUS

SIGNED = CORPUS / "php-idemo.xml"
KEY = CORPUS / "php-public-key.txt"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk holds two or three invoices."""
    monkeypatch.setattr(splitting, "CHUNK", 4000)
    monkeypatch.setattr(parallel, "has_processors", lambda: True)
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", 1500)


def job(content: bytes, keys: dict[str, bytes] | None = None) -> FileToRead:
    remote = RemoteFile(b"f.xml", len(content), 1)
    fetched = Fetched(remote, hashlib.sha256(content).hexdigest(), content)
    return FileToRead(7, "f.xml", fetched, keys=keys or {})


def outcome(reading: Reading, artifacts: LocalArtifacts, sha256: str) -> dict[str, object]:
    findings = reading.findings
    parsed = artifacts.place("parsed", sha256)
    with artifacts.open("raw", sha256) as kept:
        raw = kept.read()
    return {
        "header": reading.header,
        "totals": reading.totals,
        "types": reading.types,
        "records": reading.records,
        "warnings": reading.warnings,
        "rejection": reading.rejection,
        "findings": findings and (findings.kept, findings.counts),
        "unverified": reading.unverified,
        "rows": {t: b"".join(spool.staged()) for t, spool in reading.rows.spools.items()},
        "raw": raw,
        "parsed": gzip.decompress(parsed.read_bytes()) if parsed.exists() else None,
    }


def read_twice(
    content: bytes, folder: Path, patch: pytest.MonkeyPatch, keys: dict[str, bytes] | None = None
) -> tuple[dict[str, object], dict[str, object], int]:
    """What is read here, what is read by workers, and of how many invoices the latter is."""
    apart = 0
    add_all = RunningTotals.add_invoices

    def counting(totals: RunningTotals, other: RunningTotals) -> bool:
        nonlocal apart
        apart += other.invoices
        return add_all(totals, other)

    patch.setattr(RunningTotals, "add_invoices", counting)
    outcomes = []
    for least in (1 << 60, 0):
        patch.setattr(parallel, "BYTES_WORTH_IT", least)
        artifacts, wanted = LocalArtifacts(folder / f"{least}"), job(content, keys)
        reading = read_file(wanted, artifacts)
        outcomes.append(outcome(reading, artifacts, wanted.fetched.sha256))
        reading.rows.close()
    return outcomes[0], outcomes[1], apart


def odd(number: int, chance: random.Random) -> str:
    """An invoice that one rule or another has something to say about."""
    lines = "".join(
        line(n, body="" if chance.random() < 0.8 else reference(chance.randrange(number + 9)))
        for n in range(1, chance.randrange(2, 4))
    )
    text = invoice(f"FT A/{number + chance.choice([0, 0, 0, 30])}", lines)
    for old, new in (
        ("<InvoiceType>FT", "<InvoiceType>NC"),
        ("<CustomerID>C1", f"<CustomerID>C{number}"),
        ("<ProductCode>P1", f"<ProductCode>P{number}"),
        ("<InvoiceStatus>N", "<InvoiceStatus>A"),
        ("CashVATSchemeIndicator>0", "CashVATSchemeIndicator>1"),
        ("<TaxPercentage>23", "<TaxPercentage>22"),
        ("<SystemEntryDate>2025-03-01", "<SystemEntryDate>2025-02-28"),
        ("<Hash>0", f"<Hash>{'a' * 171}="),
        ("<GrossTotal>12.30", "<GrossTotal>12.31"),
        ("ABCD1234-1", f"ABCD1234-{number}"),
    ):
        if chance.random() < 0.3:
            text = text.replace(old, new)
    return text


def reference(number: int) -> str:
    return f"<References><Reference>FT A/{number}</Reference></References>"


@pytest.mark.parametrize("seed", range(5))
def test_odd_invoices_are_judged_alike(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    numbers = range(60)
    text = document(MASTERS, sales(*(odd(number, chance) for number in numbers)))
    here, there, apart = read_twice(text.encode(), tmp_path, monkeypatch)
    assert there == here
    assert here["rejection"] is None or "stands twice" in str(here["rejection"])
    assert apart


def test_rows_of_a_file_that_spill_keep_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoices = [
        invoice(f"FT A/{n}", "".join(line(i) for i in range(1, 9)), head="<!-- -->" * 50)
        for n in range(1, 700)
    ]
    monkeypatch.setattr(splitting, "CHUNK", 1 << 16)
    here, there, apart = read_twice(
        document(MASTERS, sales(*invoices)).encode(), tmp_path, monkeypatch
    )
    assert there == here
    assert apart > 600


class _Dies(LocalArtifacts):
    """Every other process than this one is killed amid its bytes."""

    _here = os.getpid()

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        if os.getpid() != self._here:
            os.kill(os.getpid(), signal.SIGKILL)
        super().keep_raw(sha256, source)


class _Full(LocalArtifacts):
    """Its disk has no room for bytes."""

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


CONTENT = document(MASTERS, sales(*(invoice(f"FT A/{n}") for n in range(60)))).encode()


def test_bytes_that_another_process_did_not_keep_are_kept_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "BYTES_WORTH_IT", 0)
    artifacts, wanted = _Dies(tmp_path), job(CONTENT)
    assert read_file(wanted, artifacts).rejection is None
    with artifacts.open("raw", wanted.fetched.sha256) as kept:
        assert kept.read() == CONTENT


@pytest.mark.parametrize("content", [CONTENT, CONTENT[:-9]], ids=["whole", "cut"])
def test_file_whose_bytes_could_not_be_kept_is_tried_again(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "BYTES_WORTH_IT", 0)
    rejection = read_file(job(content), _Full(tmp_path)).rejection
    assert rejection
    assert rejection.transient
    assert "No space left" in rejection.reason


@pytest.mark.parametrize("at", [0, 29, 59])
def test_refused_file_has_the_same_reason(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoices = [invoice(f"FT A/{n}") for n in range(60)]
    invoices[at] = invoices[at].replace("12.30", "12,30")
    text = document(MASTERS, sales(*invoices))
    here, there, _ = read_twice(text.encode(), tmp_path, monkeypatch)
    assert here["rejection"]
    assert there["rejection"] == here["rejection"]
    assert there["parsed"] is None


@pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}")
def test_chain_of_signatures_is_followed_across_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = SIGNED.read_bytes().replace(b"<GrossTotal>679.61", b"<GrossTotal>679.60")
    keys = {"9999": KEY.read_bytes()}
    here, there, apart = read_twice(content, tmp_path, monkeypatch, keys)
    assert there == here
    assert "signature" in str(here["findings"])
    assert apart
