"""Local files on their way into the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from saft_pipeline.loading.sources import enter_local
from saft_pipeline.store.store import Store

NAME = "FR202Y2025_7-Gramido.xml"


def test_a_file_is_known_by_its_path(store: Store, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("x")
    file = enter_local(store, tmp_path / NAME)
    assert (file.source, file.path, file.filename) == ("file", str(tmp_path / NAME), NAME)
    assert (file.branch, file.size, file.status) == ("Gramido", 1, "pending")


def test_the_same_file_is_entered_once(store: Store, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("x")
    assert enter_local(store, tmp_path / NAME).id == enter_local(store, tmp_path / NAME).id


def test_a_file_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        enter_local(store, tmp_path / NAME)
