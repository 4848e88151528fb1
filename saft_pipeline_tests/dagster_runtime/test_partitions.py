from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from saft_pipeline.dagster_runtime.partitions import ledger_key, partition_key

KEY = "0123456789ab"


def test_the_key_shows_the_path() -> None:
    assert partition_key("Gramido/FR202Y2025_7-Gramido.xml", KEY) == (
        f"Gramido-FR202Y2025_7-Gramido~{KEY}"
    )


@given(st.text())
@example("a/b,c...d|[e].xml")
@example("../../..")
def test_no_path_breaks_a_key(path: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{0,80}~[0-9a-f]{12}", partition_key(path, KEY))


@given(st.text())
def test_the_key_finds_its_file(path: str) -> None:
    assert ledger_key(partition_key(path, KEY)) == KEY
