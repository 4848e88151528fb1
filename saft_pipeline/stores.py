"""Which store the settings ask for, opened and ready to be written to."""

from __future__ import annotations

from saft_pipeline.settings import Settings
from saft_pipeline.store import migrate
from saft_pipeline.store.embedded import EmbeddedPostgres
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store
from saft_pipeline.store.watch import Watch

DATABASE = "saft"


def database_url(settings: Settings) -> str:
    """`SUPABASE_DB_URL`, or the embedded Postgres, which is started if it does not run yet."""
    if settings.supabase_db_url:
        return settings.supabase_db_url.get_secret_value()
    server = EmbeddedPostgres(settings.home)
    server.start()
    return server.url(DATABASE)


def open_store(settings: Settings) -> Store:
    """A store whose tables are there: made in an empty database, upgraded in the embedded one.

    Raises:
        StoreError: the tables are older or newer than this program, or are not ours.
    """
    return Store(open_transport(settings), settings.batch_size)


def open_watch(settings: Settings) -> Watch:
    """The same tables for who keeps watch; raises like `open_store`."""
    return Watch(open_transport(settings))


def open_transport(settings: Settings) -> PostgresTransport:
    """The way to the tables, for `Store` and the other questions; raises like `open_store`."""
    url = database_url(settings)
    migrate.ready(url, upgrade=settings.supabase_db_url is None)
    return PostgresTransport(url)
