"""Dagster's own history (runs, events, ticks) in the embedded Postgres, over pooled connections.

Stock dagster-postgres opens a connection for every statement (NullPool): 245 a run, which is most
of the price of a run. One pre-pinged pool shared by the three storages takes that away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine

from saft_pipeline import settings
from saft_pipeline.store.embedded import EmbeddedPostgres

DATABASE = "dagster"


class EmbeddedPostgresStorage(DagsterPostgresStorage):
    """`storage: custom:` of dagster.yaml; starts the Postgres of `SAFT_HOME` if nobody has yet."""

    def __init__(
        self, server: EmbeddedPostgres, inst_data: ConfigurableClassData | None = None
    ) -> None:
        server.start()
        url = server.url(DATABASE).replace("postgresql://", "postgresql+psycopg2://", 1)
        super().__init__(url, inst_data=inst_data)
        self._server = server
        # Private names, pinned by a test: dagster-postgres offers no setting for its pool.
        engine = create_pg_engine(
            url, isolation_level="AUTOCOMMIT", pool_size=2, max_overflow=18, pool_pre_ping=True
        )
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine

    @classmethod
    def config_type(cls) -> Any:
        """No configuration: `SAFT_HOME` says where the server is."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> EmbeddedPostgresStorage:
        """Called by Dagster when it loads dagster.yaml."""
        return cls(EmbeddedPostgres(settings.load().home), inst_data)
