"""What assets and the sensor share: the settings and the store, opened at first use."""

import dagster as dg
from pydantic import PrivateAttr

from saft_pipeline import settings as settings_module
from saft_pipeline.settings import Settings
from saft_pipeline.store.store import Store
from saft_pipeline.stores import open_store


class Pipeline(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Settings and store. It has no configuration, so no secret can reach a run's config."""

    _settings: Settings | None = PrivateAttr(default=None)
    _store: Store | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        """The settings, read once; raises `SettingsError`."""
        if self._settings is None:
            self._settings = settings_module.load()
        return self._settings

    @property
    def store(self) -> Store:
        """The store that the settings name; raises `StoreError`."""
        if self._store is None:
            self._store = open_store(self.settings)
        return self._store

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the store's connection when the run or tick ends."""
        if self._store is not None:
            self._store.close()
            self._store = None
