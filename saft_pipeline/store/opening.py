"""Which store the settings ask for, opened and ready to be written to."""

from __future__ import annotations

from functools import cache

from psycopg.conninfo import conninfo_to_dict

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import Settings
from saft_pipeline.store import migrate
from saft_pipeline.store.alerts import Watch
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.rest import open_rest
from saft_pipeline.store.store import Store
from saft_pipeline.store.transport import Transport

SAFT_DATABASE = "saft"


def database_url(settings: Settings) -> str:
    """`SUPABASE_DB_URL`, or the embedded Postgres, which is started if it does not run yet.

    Raises:
        StoreError: only Supabase's REST API is given, which takes no SQL.
    """
    if settings.over_rest:
        raise StoreError(
            "SUPABASE_URL and SUPABASE_KEY take no SQL: run what `saft db sql` prints in "
            "Supabase's SQL editor, or set SUPABASE_DB_URL (Connect, Session pooler)"
        )
    if settings.supabase_db_url:
        return settings.supabase_db_url.get_secret_value()
    server = EmbeddedPostgres(settings.home)
    server.start()
    return server.url(SAFT_DATABASE)


def open_store(settings: Settings) -> Store:
    """A store whose tables are there: made in an empty database, upgraded in the embedded one.

    Raises:
        StoreError: the tables are older or newer than this program, or are not ours.
    """
    return Store(open_transport(settings), settings.batch_size)


@cache
def shared_store(settings: Settings) -> Store:
    """The same, one for all of a process: far away, opening costs more than a tiny file."""
    return open_store(settings)


def open_watch(settings: Settings) -> Watch:
    """The same tables for who keeps watch; raises like `open_store`."""
    return Watch(open_transport(settings))


def where(settings: Settings) -> str:
    """The database in use, as people know it, without its password."""
    if settings.over_rest:
        return f"the project at {settings.supabase_url}"
    if settings.supabase_db_url is None:
        return f"the embedded Postgres in {settings.home}"
    given = conninfo_to_dict(settings.supabase_db_url.get_secret_value())
    return f"the database {given.get('dbname', '')} at {given.get('host') or 'this machine'}"


def is_made(settings: Settings) -> bool:
    """Whether the embedded Postgres, if that is in use, was made already."""
    given = settings.supabase_db_url or settings.supabase_url
    return given is not None or EmbeddedPostgres.is_made(settings.home)


def open_to_look(settings: Settings) -> Transport:
    """The way to the tables for who only looks: nothing is made.

    Raises:
        StoreError: as `open_store`, and if there are no tables yet.
    """
    if not is_made(settings):
        raise StoreError(
            f"nothing was loaded yet: there is no database in {settings.home}; `saft poll` and "
            "`saft ingest FILE` make one; SUPABASE_DB_URL or SAFT_HOME name another"
        )
    return open_transport(settings, make=False)


def open_transport(settings: Settings, *, make: bool = True) -> Transport:
    """The way to the tables, for `Store` and the other questions; raises like `open_store`."""
    if settings.supabase_url and settings.supabase_key and settings.over_rest:
        return open_rest(settings.supabase_url, settings.supabase_key.get_secret_value())
    url = database_url(settings)
    migrate.ready(url, upgrade=settings.supabase_db_url is None, make=make)
    return PostgresTransport(url)
