from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from saft_pipeline.dagster_runtime.partitions import ledger_key, partition_key
from saft_pipeline_tests.fixtures.project import ledger_file


def test_the_key_shows_the_path() -> None:
    file = ledger_file("Gramido/FR202Y2025_7-Gramido.xml")
    assert partition_key(file) == f"Gramido-FR202Y2025_7-Gramido~{file.key}"


def test_the_name_of_a_source_comes_first() -> None:
    file = ledger_file("a/b.xml", source="shop-1")
    assert partition_key(file) == f"shop-1-a-b~{file.key}"


@given(st.text())
@example("a/b,c...d|[e].xml")
@example("../../..")
def test_no_path_breaks_a_key(path: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{0,80}~[0-9a-f]{12}", partition_key(ledger_file(path)))


@given(st.text())
def test_the_key_finds_its_file(path: str) -> None:
    file = ledger_file(path)
    assert ledger_key(partition_key(file)) == file.key
