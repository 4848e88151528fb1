"""Files polled and loaded as runs do it, with no run and no Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from saft_pipeline import __version__
from saft_pipeline.artifacts.remote import artifacts_of
from saft_pipeline.loading.file_load import GroupRows, Load
from saft_pipeline.loading.loader import Loader
from saft_pipeline.loading.poll import Claim
from saft_pipeline.loading.reader_process import FileReader
from saft_pipeline.loading.rounds import Round, Rounds
from saft_pipeline.settings import Settings
from saft_pipeline.store.spool import SPOOLED_TABLES
from saft_pipeline.store.store import Store


def loader_of(settings: Settings, store: Store, owner: str) -> Loader:
    reader = FileReader(artifacts_of(settings))
    return Loader(settings, store, reader, owner=owner, run_id="run-1")


def through(loader: Loader, store: Store, claim: Claim) -> Sequence[Load]:
    rows = GroupRows(claim.owner, loader.finish_reading(loader.read(loader.fetch(claim.files))))
    for table in SPOOLED_TABLES:
        store.stage(rows.spools(table))
    rows.outcomes = store.publish(
        claim.owner, rows.publications, run_id="r", saft_version=__version__
    )
    loader.settle(rows)
    loader.discard(rows.group)
    return rows.group


def go_round(settings: Settings, store: Store) -> tuple[Round, Sequence[Load]]:
    """A round and what its runs load, in a process that knows of none before."""
    found = Rounds().go(settings, store, turn_of=lambda _: "came")
    loads: list[Load] = []
    for owner, files in found.claims.items():
        with closing(loader_of(settings, store, owner)) as loader:
            loads += through(loader, store, Claim(owner, files))
    return found, loads
