"""What assets and the sensor share: the settings and the store, opened at first use."""

from functools import cache
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from saft_pipeline import settings as settings_module
from saft_pipeline.artifacts.remote import artifacts_of
from saft_pipeline.loading.ahead import Ahead
from saft_pipeline.loading.reader_process import FileReader
from saft_pipeline.loading.rounds import Rounds
from saft_pipeline.settings import Settings
from saft_pipeline.store.opening import open_store
from saft_pipeline.store.store import Store


class Pipeline(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Settings and store. It has no configuration, so no secret can reach a run's config."""

    _settings: Settings | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        """The settings, read once; raises `SettingsError`."""
        if self._settings is None:
            self._settings = settings_module.load()
        return self._settings

    @property
    def store(self) -> Store:
        """The store that the settings name; raises `StoreError`.

        One for all runs and ticks of a process: far away, opening costs more than a tiny file.
        """
        return _shared_store(self.settings)

    @property
    def reader(self) -> FileReader:
        """Reads files, in a process of its own if they are many: one for all runs here."""
        return _shared_reader(self.settings)

    @property
    def ahead(self) -> Ahead:
        """What was begun of the next run: one for all runs here."""
        return _shared_ahead(self.settings)

    @property
    def rounds(self) -> Rounds:
        """Goes round the sources: one for all ticks of a process, so that each knows the last."""
        return _shared_rounds(self.settings.home)


@cache
def _shared_rounds(_home: Path) -> Rounds:
    return Rounds()


def pipeline_of(settings: Settings | None) -> Pipeline:
    """The resource with these settings, or with those that it finds where it is used."""
    if settings is None:
        return Pipeline()
    given = settings

    class GivenPipeline(Pipeline):
        """Dagster makes it anew for each use: what its class holds stays."""

        @property
        def settings(self) -> Settings:
            return given

    return GivenPipeline()


@cache
def _shared_reader(settings: Settings) -> FileReader:
    return FileReader(artifacts_of(settings))


@cache
def _shared_ahead(settings: Settings) -> Ahead:
    return Ahead(_shared_reader(settings))


@cache
def _shared_store(settings: Settings) -> Store:
    return open_store(settings)
