"""`saft active` and `saft cancel`, as people and scripts meet them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.submission import Launcher, loaded
from saft_pipeline.loading.sources import enter_local
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Command, Project, one_invoice


@pytest.fixture
def queued(project: Project, store: Store) -> str:
    """A run that waits in the queue."""
    file = enter_local(store, project.put("f.xml", one_invoice("FT S/1")))
    store.claim("owner", lease=timedelta(minutes=1), ids=[file.id])
    with open_instance(project.settings) as instance, loaded(instance) as workspace:
        return Launcher(instance, workspace, project.settings).submit("owner", [file])


def test_active_shows_what_waits(saft: Command, queued: str) -> None:
    done = saft("active")
    assert (done.status, queued in done.out) == (0, True)


def test_active_is_one_json_document(saft: Command, queued: str) -> None:
    found = {row["run"]: row for row in saft("active", "--json").json}
    assert found[queued].keys() == {"run", "status", "files", "since", "partition"}
    assert (found[queued]["status"], found[queued]["files"]) == ("queued", 1)


def test_cancel_ends_a_run(saft: Command, queued: str, store: Store) -> None:
    assert saft("cancel", queued[:8]).status == 0  # as Dagster's page shows it
    assert queued not in saft("active").out
    assert [f.status for f in store.files()] == ["failed"]


def test_a_run_that_is_none_can_t_be_cancelled(saft: Command, project: Project) -> None:
    done = saft("cancel", "nothing")
    assert done.status == 2
    assert "saft active" in done.err
