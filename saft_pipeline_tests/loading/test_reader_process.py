"""A second process reads a group's files, and gives what this one would have read."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Condition

import pytest

from saft_pipeline.artifacts.local import LocalArtifacts
from saft_pipeline.artifacts.remote import RemoteArtifacts
from saft_pipeline.demo.generator import write_large
from saft_pipeline.loading import reader_process
from saft_pipeline.loading.read import FileToRead, Reading
from saft_pipeline.loading.reader_process import FILES_WORTH_IT, FileReader, _Process
from saft_pipeline.saft import parallel
from saft_pipeline.sftp.model import Fetched, RemoteFile
from saft_pipeline.store.spool import Spool
from saft_pipeline_tests.fixtures.project import broken, half, ledger_file, one_invoice
from saft_pipeline_tests.fixtures.waiting import wait_for

FILES = [one_invoice("FT R/1"), broken("FT R/2"), half("FT R/3"), one_invoice("FT R/4")]


def job(number: int, text: str) -> FileToRead:
    content = text.encode()
    remote = RemoteFile(b"%d.xml" % number, len(content), 1)
    digest = hashlib.sha256(content).hexdigest()
    return FileToRead(number, f"{number}.xml", Fetched(remote, digest, content))


JOBS = [job(number, text) for number, text in enumerate(FILES)]


def said(readings: Sequence[Reading]) -> list[object]:
    """All of readings but their seconds."""
    return [
        (
            r.header,
            r.totals,
            r.records,
            r.warnings,
            r.rejection,
            *map(_staged, r.rows.spools.values()),
        )
        for r in readings
    ]


def _staged(spool: Spool) -> bytes:
    return b"".join(spool.staged())


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.gz")}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[FileReader]:
    reader = FileReader(LocalArtifacts(tmp_path / "artifacts"))
    yield reader
    reader.close()


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileReader]:
    """A reader whose process is there, whatever this machine has."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    reader = FileReader(LocalArtifacts(tmp_path / "apart"))
    reader.expect([ledger_file("f.xml")] * FILES_WORTH_IT)
    assert reader._process
    yield reader
    reader.close()


def test_a_process_reads_what_would_be_read_here(reader: FileReader, apart: FileReader) -> None:
    assert said(apart.read(JOBS).result()) == said(reader.read(JOBS).result())


def test_a_process_keeps_the_same_artifacts(
    reader: FileReader, apart: FileReader, tmp_path: Path
) -> None:
    apart.read(JOBS).result()
    those = kept(tmp_path / "apart")
    reader.read(JOBS).result()
    assert those == kept(tmp_path / "artifacts")


def test_a_process_sends_artifacts_to_their_address(apart: FileReader, tmp_path: Path) -> None:
    """There is nobody else whom it could tell of a place that can't be opened."""
    apart.artifacts = RemoteArtifacts("nosuch://host", tmp_path)
    (reading,) = apart.read(JOBS[:1]).result()
    assert reading.rejection
    assert reading.rejection.transient
    assert "SAFT_ARTIFACTS_URL (nosuch://…)" in reading.rejection.reason


def test_a_group_is_read_while_the_one_before_is_not_yet_taken(apart: FileReader) -> None:
    first, second = apart.read(JOBS[:1]), apart.read(JOBS[3:])
    assert [r.rows.counts["invoices"] for r in (*second.result(), *first.result())] == [1, 1]


def test_when_the_process_is_killed_reading_goes_on_here(apart: FileReader) -> None:
    assert apart._process
    apart._process._process.kill()
    assert [r.rejection is None for r in apart.read(JOBS).result()] == [True, False, False, True]


def test_rows_that_are_not_in_memory_come_back(
    reader: FileReader, apart: FileReader, tmp_path: Path
) -> None:
    path = tmp_path / "large.xml"
    with path.open("wb") as file:
        write_large(file, 4)
    remote = RemoteFile(b"large.xml", path.stat().st_size, 1)
    fetched = Fetched(remote, hashlib.sha256(path.read_bytes()).hexdigest(), path)
    large = [FileToRead(1, "large.xml", fetched), *JOBS]
    there = apart.read(large).result()
    assert there[0].rows.spools["invoices"].is_in_file
    assert said(there) == said(reader.read(large).result())


def test_a_few_files_start_no_process(reader: FileReader) -> None:
    reader.expect([ledger_file("f.xml")] * (FILES_WORTH_IT - 1))
    assert reader._process is None


def test_a_single_large_file_starts_the_process(
    reader: FileReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    reader.expect([ledger_file("f.xml", parallel.BYTES_WORTH_IT)])
    assert reader._process


def test_threads_that_expect_files_at_once_start_one_process(
    reader: FileReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[_Process] = []

    class Noted(_Process):
        def __init__(self) -> None:
            super().__init__()
            begun.append(self)

    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(reader_process, "_Process", Noted)
    together = Barrier(4)

    def expect(_: int) -> None:
        together.wait()
        reader.expect([ledger_file("f.xml")] * FILES_WORTH_IT)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(expect, range(4)))
    for process in begun:
        process.close()
    assert len(begun) == 1


def test_one_processor_starts_no_process(
    reader: FileReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    reader.expect([ledger_file("f.xml")] * FILES_WORTH_IT)
    assert reader._process is None


_INTERRUPTED = """
import os, signal
from saft_pipeline.loading.reader_process import _Process
signal.signal(signal.SIGINT, lambda *_: None)
process = _Process()
os.killpg(0, signal.SIGINT)
process.close()
print(process._process.returncode)
"""


def test_ctrl_c_while_the_process_begins_is_not_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED],
        capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_process_ends_when_the_reader_is_closed(apart: FileReader) -> None:
    assert apart._process
    process = apart._process._process
    apart.close()
    assert process.poll() == 0


def test_who_asks_while_the_reader_is_aborted_has_it_read_here(apart: FileReader) -> None:
    class Late(Condition):
        def __enter__(self) -> bool:
            apart.abort()
            return super().__enter__()

    apart._turn = Late()
    assert [r.rejection for r in apart.read(JOBS[:1]).result()] == [None]


def test_a_file_that_is_aborted_is_read_by_nobody(apart: FileReader, tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    with path.open("wb") as file:
        write_large(file, 60)
    fetched = Fetched(RemoteFile(b"large.xml", path.stat().st_size, 1), "a" * 64, path)
    assert apart._process
    process = apart._process._process
    reading = apart.read([FileToRead(1, "large.xml", fetched)])
    wait_for(lambda: any((tmp_path / "apart" / "parsed").rglob("*.part")))
    apart.abort()
    with pytest.raises((EOFError, OSError)):
        reading.result()
    process.wait()
    assert list((tmp_path / "apart" / "parsed").rglob("*.*")) == []
    assert list((tmp_path / "apart" / "raw").rglob("*.part")) == []
