"""The figures that the long benchmarks share."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import psycopg

from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.soaking import ledger
from saft_pipeline_tests.benchmarks.soaking.folder import Folder
from saft_pipeline_tests.benchmarks.soaking.oracle import Tables, expected, wrong_rows
from saft_pipeline_tests.benchmarks.soaking.processes import Memory

_MOST_TOLD = 20
_MOST_GROWTH = 1.15
_SPOIL = "update public.invoices set gross_total = gross_total + 1 "
_SPOIL += "where id = (select min(id) from public.invoices)"


def compared(folder: Folder, url: str) -> Iterator[Ratio]:
    """Ledger and tables against what was put up and an oracle, and whether that sees a fault."""
    rows = ledger.rows(url)
    yield none("files without a settled state", list(ledger.unsettled(folder, rows)))
    yield none("versions that were never whole", list(ledger.invented(folder, rows)))
    wanted = expected(ledger.loaded_versions(folder, rows), folder.good)
    compared = Counter({table: len(held) for table, held in wanted.items()})
    note = f"of {compared.total():,}: " + ", ".join(f"{n:,} {t}" for t, n in compared.items())
    wrong = list(wrong_rows(url, wanted))
    yield dataclasses.replace(none("rows wrong", wrong), note=note)
    if not wrong:
        yield _spoilt(url, wanted)


def _spoilt(url: str, wanted: Tables) -> Ratio:
    """That the comparison would see it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SPOIL)
    seen = len(list(wrong_rows(url, wanted)))
    return Ratio("rows wrong once one is spoilt", seen, 1, unit="")


def grown(memory: Memory) -> Iterator[Ratio]:
    """Whether memory grows with time."""
    for name, lasting in (("all processes", False), ("those that last", True)):
        growth, note = memory.growth(lasting=lasting)
        yield Ratio(f"memory of {name}, last quarter over second", growth, _MOST_GROWTH, most=True,
                    note=note)  # fmt: skip


def none(name: str, found: Sequence[str]) -> Ratio:
    """There is to be nothing of this; what there is goes to stderr."""
    for line in found[:_MOST_TOLD]:
        print(f"{name}: {line}", file=sys.stderr)  # noqa: T201 - a table has no room for it
    return Ratio(name, len(found), 0, unit="", most=True)
