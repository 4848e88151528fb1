"""What one fetched file says: its rows for the tables, and the artifacts that are kept of it.

Nothing here knows of the ledger, the store or Dagster, so that another process can do it.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from saft_pipeline.artifacts.local import Artifacts, ArtifactWriter, LocalArtifacts
from saft_pipeline.artifacts.packs import Pack
from saft_pipeline.saft.errors import IncompleteError, SaftError
from saft_pipeline.saft.fields import INVOICE_FIELDS
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.parallel import ReadApart, parts, pays_for_processes
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.records import Header, Invoice, Record, Row, Totals
from saft_pipeline.saft.rules.checker import Checker, Examined
from saft_pipeline.saft.rules.findings import Finding, Findings
from saft_pipeline.sftp.model import Fetched
from saft_pipeline.store.spool import FileRows

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from saft_pipeline.saft.rules.signatures import Open

_log = logging.getLogger(__name__)

MOST_FINDINGS = 20

_TYPE = INVOICE_FIELDS.index("invoice_type")

# Of a file that got no further; one that is `lost` is another run's now.
RejectedState = Literal["failed", "incomplete", "gone", "unreadable", "lost"]


class FileToRead(NamedTuple):
    """A file to read: its row in the ledger, its path there, its bytes, whether a pack keeps it.

    `spill` is where many rows wait for publishing, `keys` are the public keys (PEM) of programs, by
    certificate number or ProductID.
    """

    ledger_id: int
    path: str
    fetched: Fetched
    packed: bool = False
    spill: Path | None = None
    keys: Mapping[str, bytes] = {}


class Rejection(NamedTuple):
    """Why a file got no further, and what that makes of it; a `transient` fault is tried again."""

    reason: str
    state: RejectedState
    transient: bool = False


@dataclass
class Reading:
    """What a file says; of a refused one, what was read until then.

    `types` are its invoices by InvoiceType, `findings` what the rules found, None if it was not
    read to its end, `seconds` is the price of reading. `key` is that of the program that made the
    file, `unverified` its documents whose signature needs the one of a document in the tables.
    """

    rows: FileRows
    header: Header | None = None
    totals: Totals | None = None
    types: Counter[str] = field(default_factory=Counter)
    records: int = 0
    warnings: list[dict[str, Any]] = field(default_factory=list)
    findings: Findings | None = None
    rejection: Rejection | None = None
    key: bytes | None = None
    unverified: list[Open] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def company_id(self) -> str | None:
        """Whose file it is, if it was read as far as its Header."""
        return self.header.values[0] if self.header else None


def read_files(
    jobs: Sequence[FileToRead], artifacts: Artifacts, pack: str | None = None
) -> list[Reading]:
    """Read files one after the other; their artifacts are in their place when this ends.

    `pack` keeps those of the jobs that say so.
    """
    packed = Pack(pack, artifacts) if pack else None
    readings = [read_file(job, packed if packed and job.packed else artifacts) for job in jobs]
    try:
        if packed:
            packed.flush()
        artifacts.flush()
    except OSError as error:
        for job, reading in zip(jobs, readings, strict=True):
            reading.rejection = reading.rejection or _fault(job, error)
    return readings


def _fault(job: FileToRead, error: OSError) -> Rejection:
    return Rejection(f"{job.path}: {error}", "failed", transient=True)


def read_file(job: FileToRead, artifacts: Artifacts | Pack) -> Reading:
    """Keep a file's bytes and read them once: its NDJSON artifact, its rows spooled for staging."""
    started = time.perf_counter()
    reading = Reading(FileRows(job.ledger_id, folder=job.spill))
    try:
        with _raw_kept(job.fetched, artifacts):
            _read_records(job, artifacts, reading)
    except IncompleteError as error:
        reading.rejection = Rejection(str(error), "incomplete")
    except SaftError as error:
        reading.rejection = Rejection(str(error), "failed")
    except OSError as error:
        reading.rejection = _fault(job, error)
    except Exception as error:
        _log.exception("%s", job.path)
        reason = f"{job.path}: a fault of saft_pipeline, please report it: {error!r}"
        reading.rejection = Rejection(reason, "failed")
    reading.seconds = time.perf_counter() - started
    return reading


@contextmanager
def _raw_kept(fetched: Fetched, artifacts: Artifacts | Pack) -> Iterator[None]:
    """Keep a file's bytes as they came, those of a large one beside the block."""
    # Who sends them elsewhere has threads for it, which don't come along.
    if not (isinstance(artifacts, LocalArtifacts) and pays_for_processes(fetched.file.size)):
        keep_raw(fetched, artifacts)
        yield
        return
    from multiprocessing import get_context  # costs more than a small file takes

    beside = get_context("fork").Process(target=_keep_beside, args=(fetched, artifacts))
    beside.start()
    try:
        yield
    except Exception:
        _finish_keeping(beside, fetched, artifacts)
        raise
    except BaseException:  # nobody waits for it
        beside.terminate()
        raise
    _finish_keeping(beside, fetched, artifacts)


def _keep_beside(fetched: Fetched, artifacts: Artifacts) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # it shows again where it can be told
        keep_raw(fetched, artifacts)


def _finish_keeping(beside: BaseProcess, fetched: Fetched, artifacts: Artifacts) -> None:
    """What it couldn't do is done, or fails, here."""
    beside.join()
    keep_raw(fetched, artifacts)


def keep_raw(fetched: Fetched, artifacts: Artifacts | Pack) -> None:
    """Keep a file's bytes as they came."""
    with fetched.open() as source:
        artifacts.keep_raw(fetched.sha256, source)


def _read_records(job: FileToRead, artifacts: Artifacts | Pack, reading: Reading) -> None:
    verifier = _Verifier(job.keys, reading)
    checker = Checker(most=MOST_FINDINGS, signatures=verifier.of_program)
    with (
        job.fetched.open() as source,
        read_document(source, name=job.path) as document,
        artifacts.parsed(job.fetched.sha256) as parsed,
    ):
        intake = _Intake(reading, parsed, checker)
        for part in parts(document, intake.make):
            intake.add(part.value) if isinstance(part, ReadApart) else intake.take(part)
        reading.warnings = list(document.warnings)
    reading.findings = checker.finish(reading.warnings, document.warning_counts)
    reading.unverified = verifier.unverified


class _Apart(NamedTuple):
    """What another process makes of invoices."""

    lines: bytes
    rows: FileRows
    examined: list[Examined]


class _Intake:
    """Where a file's records go: artifact, rows, rules."""

    def __init__(self, reading: Reading, parsed: ArtifactWriter, checker: Checker) -> None:
        self._reading = reading
        self._parsed = parsed
        self._checker = checker

    def take(self, records: Iterable[Record]) -> None:
        """Take the records that come next."""
        reading, write, see = self._reading, self._parsed.write, self._checker.see
        for record in records:
            write(to_json(record))
            reading.rows.write(record)
            see(record)
            reading.records += 1
            if isinstance(record, Invoice):
                self._count(record.values)
            elif isinstance(record, Header):
                reading.header = record
            elif isinstance(record, Totals):
                reading.totals = record

    def _count(self, values: Row) -> None:
        self._reading.types[values[_TYPE] or "no type"] += 1

    def make(self, records: Iterable[Record]) -> _Apart:
        """What `add` takes of invoices that follow each other: done in another process."""
        lines, examined = [], []
        rows = FileRows(0, most=sys.maxsize)
        for record in records:
            assert isinstance(record, Invoice)
            lines.append(to_json(record))
            rows.write(record)
            examined.append(self._checker.examine(record))
        return _Apart(b"".join(lines), rows, examined)

    def add(self, made: _Apart) -> None:
        """Take the invoices that come next, which were read apart."""
        self._parsed.write(made.lines)
        self._reading.rows.add_invoices(made.rows)
        self._reading.records += len(made.examined)
        for examined in made.examined:
            self._checker.see_examined(examined)
            self._count(examined.values)


class _Verifier:
    """Verifies signatures by the key of the program that made the file, if that is known."""

    def __init__(self, keys: Mapping[str, bytes], reading: Reading) -> None:
        self._keys = keys
        self._reading = reading
        self.unverified: list[Open] = []

    def of_program(self, header: Header) -> Callable[[Invoice], Iterable[Finding]] | None:
        """The rule, by SoftwareCertificateNumber or ProductID."""
        if not self._keys:
            return None
        extra = header.extra
        facts = [extra.get(n) for n in ("software_certificate_number", "product_id")]
        key = next((pem for name, pem in self._keys.items() if name in facts), None)
        if key is None:
            return None
        from saft_pipeline.saft.rules.signatures import Signatures, parsed

        signatures = Signatures(parsed(key, "SAFT_PUBLIC_KEYS"))
        self._reading.key, self.unverified = key, signatures.open
        return signatures.signatures
