"""How much memory a file can make the reader take, and what it leaves open, in a process apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from saft_pipeline_tests.saft.documents import document, invoice, line, sales

MOST_MEGABYTES = 200

PROGRAM = """
import json, os, sys
from pathlib import Path
from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.ndjson import blocks
from saft_pipeline.saft.reader import read_document

opened = len(os.listdir("/proc/self/fd"))
said = ""
try:
    with read_document(Path(sys.argv[1]), name="f.xml") as document:
        for record in document:
            for _ in blocks(record):
                pass
except SaftError as error:
    said = str(error)
with open("/proc/self/status") as status:
    (peak,) = [int(row.split()[1]) for row in status if row.startswith("VmHWM")]
left = len(os.listdir("/proc/self/fd")) - opened
print(json.dumps({"said": said, "megabytes": peak / 1000, "left_open": left}))
"""

GOOD = document(sales(invoice()))


def many_attributes() -> str:
    attributes = " ".join(f'a{n}="{n}"' for n in range(200_000))
    return GOOD.replace("<Tax>", f"<Tax {attributes}>")


def many_namespaces() -> str:
    names = " ".join(f'xmlns:a{n}="u{n}"' for n in range(200_000))
    return GOOD.replace("<AuditFile ", f"<AuditFile {names} ")


def one_invoice_of_100_000_lines() -> str:
    lines = "".join(line(n) for n in range(1, 100_001))
    return document(sales(invoice(lines=lines), credit="1000000"))


def in_customer(inside: str) -> str:
    text = f"<MasterFiles><Customer><CustomerID>1</CustomerID>{inside}</Customer></MasterFiles>"
    return document(text)


def lines_of(text: str, count: int) -> str:
    lines = "".join(line(n).replace("Broa", text) for n in range(count))
    return document(sales(invoice(lines=lines)))


Written = Callable[[], str]

TOLERATED: dict[str, Written] = {
    "attributes": many_attributes,
    "namespaces": many_namespaces,
    "lines": one_invoice_of_100_000_lines,
    "comments": lambda: document("<!-- -->" * 1_000_000, sales(invoice())),
    "stray text": lambda: document(sales("x<!-- -->" * 300_000 + invoice(), entries=1)),
    "customers without number": lambda: document(
        "<MasterFiles>" + "<Customer/>" * 300_000 + "</MasterFiles>"
    ),
    "blanks": lambda: GOOD.replace("<Tax>", " " * 9_000_000 + "<Tax>"),
}
REFUSED: dict[str, tuple[Written, str]] = {
    "100 MB of text": (
        lambda: document(f"<Other>{'x' * 100_000_000}</Other>"),
        "more than 10000000 bytes without a tag",
    ),
    "10 million wide characters": (
        lambda: GOOD.replace("Broa", "\U0001f600" * 10_000_000, 1),
        "more than 10000000 bytes without a tag",
    ),
    "a tag of 100 MB": (lambda: document("<Other " + "a" * 100_000_000), "without a tag"),
    "a customer of 190 MB": (
        lambda: in_customer(("<X>" + "y" * 1000 + "</X>") * 190_000),
        "<Customer>, or all that its document holds, is more than 10000000 characters",
    ),
    "comments in a customer": (
        lambda: in_customer(("<!--" + "y" * 1000 + "-->") * 100_000),
        "more than 12000000 bytes in one element that is kept as a whole",
    ),
    "parts of an invoice": (
        lambda: GOOD.replace(
            "<DocumentTotals>", ("<X>" + "y" * 1000 + "</X>") * 190_000 + "<DocumentTotals>"
        ),
        "<X>, or all that its document holds, is more than 10000000 characters",
    ),
    "long lines": (
        lambda: lines_of("y" * 1_000_000, 60),
        "the lines of one invoice hold more than 64000000 bytes",
    ),
    "many lines": (
        lambda: lines_of("y" * 900, 60_000),
        "the lines of one invoice hold more than 64000000 bytes",
    ),
}


def outcome(text: str, folder: Path) -> dict[str, object]:
    """What a process of its own says of a document, and the memory that it took."""
    path = folder / "f.xml"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    path.unlink()
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", TOLERATED)
def test_large_but_harmless_file_is_read_in_little_memory(name: str, tmp_path: Path) -> None:
    found = outcome(TOLERATED[name](), tmp_path)
    assert (found["said"], found["left_open"]) == ("", 0)
    assert float(str(found["megabytes"])) < MOST_MEGABYTES


@pytest.mark.parametrize("name", REFUSED)
def test_file_that_would_fill_the_memory_is_refused(name: str, tmp_path: Path) -> None:
    write, says = REFUSED[name]
    found = outcome(write(), tmp_path)
    assert says in str(found["said"])
    assert str(found["said"]).startswith("f.xml:")
    assert found["left_open"] == 0
    assert float(str(found["megabytes"])) < MOST_MEGABYTES
