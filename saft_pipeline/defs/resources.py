"""What assets and the sensor share: the settings and the store, opened at first use."""

from collections.abc import Mapping, Sequence

import dagster as dg
from pydantic import PrivateAttr

from saft_pipeline import settings as settings_module
from saft_pipeline.loading.ahead import Ahead, begin_ahead, shared_ahead, shared_reader
from saft_pipeline.loading.reader_process import FileReader
from saft_pipeline.loading.rounds import Rounds, rounds_of
from saft_pipeline.settings import Settings
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.opening import shared_store
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
        """The store that the settings name; raises `StoreError`."""
        return shared_store(self.settings)

    @property
    def reader(self) -> FileReader:
        """Reads files, in a process of its own if they are many: one for all runs here."""
        return shared_reader(self.settings)

    @property
    def ahead(self) -> Ahead:
        """What was begun of the next run: one for all runs here."""
        return shared_ahead(self.settings)

    def begin(self, claims: Mapping[str, Sequence[LedgerFile]]) -> None:
        """Begin with the first of claims, whose runs come next here."""
        begin_ahead(claims, self.settings, self.store)

    @property
    def rounds(self) -> Rounds:
        """Goes round the sources: one for all ticks of a process, so that each knows the last."""
        return rounds_of(self.settings.home)


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
