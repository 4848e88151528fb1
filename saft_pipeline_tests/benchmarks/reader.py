"""Reading SAF-T against the XML library under it and against xmltodict, and the memory it takes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from lxml import etree

from saft_pipeline.demo.generator import invoice_file, write_large
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.rules.checker import Checker
from saft_pipeline.store.spool import FileRows
from saft_pipeline_tests.benchmarks.reader_programs import LARGE
from saft_pipeline_tests.benchmarks.report import Ratio, in_turn, ratio_of

_MEGABYTES = 120
_MEGABYTES_RESIDENT = 100
_RUNS = 5
_PROGRAMS = "saft_pipeline_tests.benchmarks.reader_programs"
_SAFT = Path(sys.executable).with_name("saft")


def run() -> Iterator[Ratio]:
    """Whole processes for whole files, start included; the last are of one warm process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.xml"
        with path.open("wb") as file:
            write_large(file, _MEGABYTES)
        yield from _speeds(path)
    yield _tiny()
    for name in LARGE:
        peak = _program("large", name)["megabytes"]
        yield Ratio(f"memory: {name}", peak, _MEGABYTES_RESIDENT, "MB", most=True)


def _speeds(path: Path) -> Iterator[Ratio]:
    floor, parse, alone, rows, by_one, checked, dicts = in_turn(
        _RUNS,
        lambda: _program("floor", path),
        lambda: _parse(path),
        lambda: _parse(path, processors={0}),
        lambda: _program("rows", path),
        lambda: _program("ndjson", path),
        lambda: _program("checked", path),
        lambda: _program("xmltodict", path),
    )
    note = f"of {median(floor):.2f} s for iterparse over Invoice"
    yield Ratio(f"saft parse, {_MEGABYTES} MB, to lxml", ratio_of(floor, parse), 0.75, note=note)
    yield Ratio("the same on one processor", ratio_of(floor, alone), 0.6, note=note)
    yield Ratio("rows without NDJSON, to lxml", ratio_of(floor, rows), 0.7, note=note)
    processors = f"{len(os.sched_getaffinity(0))} processors"
    yield Ratio("NDJSON with the second core, to one", ratio_of(by_one, parse), note=processors)
    yield Ratio("saft parse to xmltodict", ratio_of(dicts, parse), note=f"{median(dicts):.1f} s")
    note, ratio = "loading adds to the whole, so it is less of that", ratio_of(checked, by_one)
    yield Ratio("NDJSON with all rules, to without", ratio, 1.25, most=True, note=note)


def _tiny() -> Ratio:
    """Both warm and in this process."""
    content = invoice_file(5).content

    def walk() -> None:
        for element in etree.fromstring(content).iter():
            _ = element.tag, element.text

    def whole() -> None:
        rows, checker = FileRows(1), Checker()
        with read_document(io.BytesIO(content), name="tiny.xml") as document:
            for record in document:
                to_json(record)
                rows.write(record)
                checker.see(record)
        checker.finish()

    floor, taken = in_turn(500, walk, whole)
    note = f"{len(content):,} bytes in {median(taken) * 1000:.2f} ms, of {median(floor) * 1000:.2f}"
    ratio = ratio_of(floor, taken)
    return Ratio("a tiny file, NDJSON, rows and checks, to lxml", ratio, 0.55, note=note)


def _program(what: str, argument: object) -> dict[str, Any]:
    command = [sys.executable, "-m", _PROGRAMS, what, str(argument)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_root(), check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _parse(path: Path, processors: Collection[int] = ()) -> None:
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors or usual)  # the program inherits it
    subprocess.run([_SAFT, "parse", path], stdout=subprocess.DEVNULL, check=True)
    os.sched_setaffinity(0, usual)


def _root() -> Path:
    return Path(__file__).parents[2]
