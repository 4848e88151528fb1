"""`saft status`: a file that holds nothing, hostile names, and looking on."""

from __future__ import annotations

from pathlib import Path

import pytest

from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Command, Project
from saft_pipeline_tests.saft.documents import document


@pytest.mark.usefixtures("store")
def test_a_file_that_holds_nothing_says_so(
    project: Project, saft: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "accounts.xml").write_text(document())
    told = saft("ingest", tmp_path / "accounts.xml").err
    assert "accounts.xml: it holds no invoices" in told
    assert "it holds no invoices: nothing came into the tables" in saft("status").out


def test_a_hostile_name_steers_no_terminal(project: Project, saft: Command, store: Store) -> None:
    project.put("a\x1b[2Jb\u202e.xml", "<x/>")
    saft("poll")
    done = saft("status")
    assert r"a\x1b[2Jb\u202e.xml" in done.out
    assert not set(done.out + done.err) & set("\x1b\u202e")


def test_watching_looks_again_until_ctrl_c(
    project: Project, saft: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("saft_pipeline.cli.files.time.sleep", wait)
    done = saft("status", "--watch")
    assert (done.status, done.err.count("the ledger is empty")) == (130, 3)
