"""Runs that end before their files are loaded: what the ledger says of each file then."""

from __future__ import annotations

from saft_pipeline.settings import load
from saft_pipeline.store.model import CANCELLED
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice, poll_once
from saft_pipeline_tests.loading.test_loader import EARLY
from saft_pipeline_tests.loading.without_dagster import loader_of


def test_abandoned_files_have_failed_with_the_reason(project: Project, store: Store) -> None:
    project.put("f.xml", one_invoice("FT E/1"))
    (claim,) = poll_once(project.settings, store, turn_of=lambda _: "came").claims
    loader_of(project.settings, store, claim.owner).abandon("no more paper")
    (file,) = store.files()
    assert (file.status, file.error, file.run_id) == ("failed", "no more paper", "run-1")


def test_who_cancels_hides_no_file_s_own_reason(project: Project, store: Store) -> None:
    project.put("bad.xml", broken("FT E/1"), modified_at=EARLY)
    project.put("good.xml", one_invoice("FT E/2"), modified_at=EARLY + 1)
    settings = load({**project.env, "RUN_PER_FILE_UP_TO": "0"})
    (claim,) = poll_once(settings, store, turn_of=lambda _: "came").claims
    loader = loader_of(settings, store, claim.owner)
    loader.finish_reading(loader.read(loader.fetch(claim.files)))
    loader.give_up()
    loader.close()
    why = {f.path: f.error or "" for f in store.files(state="failed")}
    assert "UnitPrice of invoice FT E/1" in why["bad.xml"]
    assert why["good.xml"] == CANCELLED
