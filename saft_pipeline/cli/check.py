"""`saft check`: every setting and every server tried; each problem is told with its cure."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saft_pipeline.cli.output import ALL_WELL, COULD_NOT, FOUND, AsJson, print_json, say
from saft_pipeline.settings import Settings, SettingsError, SourceSettings, load, origins

if TYPE_CHECKING:
    from saft_pipeline.sftp.client import Sftp
    from saft_pipeline.store.migrate import SchemaState
    from saft_pipeline.store.postgres import Connection

_OLDEST_POSTGRES = 15
_PATIENCE = 60.0
_LEAST_FREE = 0.1  # GB


@dataclass(frozen=True)
class CheckResult:
    """What was tried, whether it is well, and what was seen; for a problem the cure, too."""

    check: str
    ok: bool
    message: str


def check(
    alerts: Annotated[bool, typer.Option("--alerts", help="Send a test message, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try every setting and every server, and say what to mend."""
    results = []
    status = ALL_WELL
    try:
        for result in _results(load(), alerts=alerts):
            results.append(result)
            if not as_json:
                _tell(result)
            if not result.ok:
                status = FOUND
    except SettingsError as error:
        results.append(CheckResult("settings", ok=False, message=str(error)))
        status = COULD_NOT
        if not as_json:
            _tell(results[-1])
    if as_json:
        print_json([asdict(result) for result in results])
    raise typer.Exit(status)


def _tell(result: CheckResult) -> None:
    sign = "ok" if result.ok else "PROBLEM"
    say(f"{sign:8}{result.check}: {result.message}")


def _results(settings: Settings, *, alerts: bool) -> Iterator[CheckResult]:
    yield CheckResult("settings", ok=True, message=_settings())
    yield _home(settings)
    yield from _sources(settings)
    yield from _database(settings)
    yield _dagster(settings)
    yield _api(settings)
    yield from _shared(settings)
    if alerts:
        yield from _alerts(settings)


def _settings() -> str:
    read: dict[str, list[str]] = {}
    for name, origin in origins().items():
        read.setdefault(origin, []).append(name)
    said = [f"from {origin}: {', '.join(names)}" for origin, names in read.items()]
    return "; ".join(["complete and without contradictions", *said, "all others have defaults"])


def _alerts(settings: Settings) -> Iterator[CheckResult]:
    from saft_pipeline.alerts.channels import send_test

    sent = send_test(settings)
    for channel, problem in sent.items():
        yield CheckResult(f"alerts {channel}", ok=problem is None, message=problem or "sent")
    if not sent:
        message = "nobody to tell: set ALERT_WEBHOOK_URL, or ALERT_SMTP_URL and ALERT_EMAIL_TO"
        yield CheckResult("alerts", ok=False, message=message)


def _home(settings: Settings) -> CheckResult:
    home = settings.home
    from saft_pipeline.dagster_runtime.home import make_private

    try:
        if not home.exists():
            parent = next(folder for folder in home.parents if folder.exists())
            TemporaryDirectory(dir=parent).cleanup()
            return CheckResult("home", ok=True, message=f"{home}, made at the first use")
        closed = make_private(home)
    except OSError as error:
        message = f"{home} can't be made: {error.strerror}; set SAFT_HOME to another folder"
        return CheckResult("home", ok=False, message=message)
    if not os.access(home, os.W_OK | os.X_OK):
        message = f"{home} can't be written to: mend its rights, or set SAFT_HOME to another folder"
        return CheckResult("home", ok=False, message=message)
    free = shutil.disk_usage(home).free / 1e9
    if free < _LEAST_FREE:
        message = f"{home} has {free:.1f} GB free: make room, or set SAFT_HOME to another folder"
        return CheckResult("home", ok=False, message=message)
    if open_to := stat.S_IMODE(home.stat().st_mode) & 0o077:
        message = f"{home} is open to others (mode ..{open_to:02o}): chmod 700 {home}"
        return CheckResult("home", ok=False, message=message)
    mended = f" (it was open to others until now, with {closed - 1:,} entries)" if closed else ""
    message = f"{home}, {free:.1f} GB free, closed to others{mended}"
    return CheckResult("home", ok=True, message=message)


def _sources(settings: Settings) -> Iterator[CheckResult]:
    """Every source, all at once; of several each step with the source's name, and a table."""
    sources = settings.sources
    if len(sources) == 1:
        yield from _sftp(sources[0])
        return
    with ThreadPoolExecutor(32) as pool:
        tried = list(pool.map(lambda each: list(_sftp(each)), sources))
    lines = []
    for source, results in zip(sources, tried, strict=True):
        for result in results:
            yield replace(result, check=f"{source.source}: {result.check}")
        wrong = next((r for r in results if not r.ok), None)
        said = wrong or next((r for r in results if r.check == "sftp folder"), results[-1])
        state = "PROBLEM" if wrong else "ok"
        lines.append(f"{source.source:24}{state:8}{source.address}: {said.message}")
    well = sum(all(result.ok for result in results) for results in tried)
    table = "\n  ".join([f"{well} of {len(sources)} answer", *lines])
    yield CheckResult("sources", ok=well == len(sources), message=table)


def _sftp(settings: SourceSettings) -> Iterator[CheckResult]:
    from saft_pipeline.loading.servers import connected
    from saft_pipeline.sftp.client import host_key
    from saft_pipeline.sftp.errors import HostKeyError, SftpError

    step = "sftp settings"
    try:
        config = settings.require_sftp()
        step = "sftp host key"
        key = host_key(config)
        step = "sftp login"
        with connected(settings) as sftp:
            trusted = f"{key.kind} {key.fingerprint}, trusted"
            yield CheckResult("sftp host key", ok=True, message=trusted)
            yield CheckResult(step, ok=True, message=f"{config.username} at {config.peer}")
            step = "sftp folder"
            yield _folder(settings, sftp)
            step = "sftp after load"
            if settings.after_load != "keep":
                sftp.try_out(settings.sftp_remote_dir, settings.sftp_archive_dir)
                can = f"{settings.after_load}: it lets us make, rename and delete"
                yield CheckResult(step, ok=True, message=can)
        for saying in sftp.quirks.sayings:
            yield CheckResult("sftp server", ok=True, message=saying)
    except HostKeyError as error:
        yield CheckResult("sftp host key", ok=False, message=str(error))
    except (SftpError, SettingsError) as error:
        yield CheckResult(step, ok=False, message=str(error))


def _folder(settings: Settings, sftp: Sftp) -> CheckResult:
    listing = sftp.list(
        settings.sftp_remote_dir,
        pattern=settings.sftp_pattern,
        recursive=settings.sftp_recursive,
        exclude=settings.sftp_archive_dir,
        within=_PATIENCE,
    )
    seen = f"{len(listing.files):,} files fit {settings.sftp_pattern}"
    said = [seen, *(f"{p.text}: {p.reason}" for p in listing.problems[:5])]
    return CheckResult("sftp folder", ok=not listing.problems, message="; ".join(said))


def _database(settings: Settings) -> Iterator[CheckResult]:
    from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgresError
    from saft_pipeline.store import migrate
    from saft_pipeline.store.errors import StoreError
    from saft_pipeline.store.opening import database_url, is_made, open_transport, where
    from saft_pipeline.store.operations import Operations
    from saft_pipeline.store.postgres import connect_postgres

    step, cure = "database", "check SUPABASE_DB_URL (Supabase: Connect, Session pooler)"
    try:
        if settings.over_rest:
            step, cure = "supabase", "check SUPABASE_URL and SUPABASE_KEY"
            rest = open_transport(settings)
            yield CheckResult(step, ok=True, message="the API key and the tables are right")
            yield _rights(Operations(rest).rights())
            rest.close()
            return
        if not is_made(settings):
            yield CheckResult(step, ok=True, message=f"{where(settings)}, made at the first use")
            return
        url = database_url(settings)
        with connect_postgres(url) as connection:
            yield _server(connection, embedded=not settings.supabase_db_url)
            step, cure = "schema", ""  # what is wrong there says it
            found = migrate.state(connection)
            yield _schema(found, migrate.lacking(connection), settings)
        if not found.missing:
            step, cure = "rights", "log in as the owner of the tables, or grant what is missing"
            transport = open_transport(settings)
            yield _rights(Operations(transport).rights())
            transport.close()
    except StoreError as error:
        yield CheckResult(step, ok=False, message=f"{error}; {cure}" if cure else str(error))
    except (EmbeddedPostgresError, OSError) as error:
        yield CheckResult(step, ok=False, message=str(error))


def _server(connection: Connection, *, embedded: bool) -> CheckResult:
    major = connection.info.server_version // 10_000
    where = "embedded in SAFT_HOME" if embedded else "at SUPABASE_DB_URL"
    message = f"PostgreSQL {major} {where}"
    if major < _OLDEST_POSTGRES:
        return CheckResult(
            "database", ok=False, message=f"{message}; it must be {_OLDEST_POSTGRES} or newer"
        )
    if connection.execute("show transaction_read_only").fetchone() == ("on",):
        message += (
            "; it takes no writes: it is a standby, or default_transaction_read_only is on for "
            "this login or database: give the primary's address, or alter role … set it off"
        )
        return CheckResult("database", ok=False, message=message)
    return CheckResult("database", ok=True, message=message)


def _schema(found: SchemaState, lacks: list[str], settings: Settings) -> CheckResult:
    from saft_pipeline.store.schema import migrations

    known = len(migrations())
    if len(found.missing) == known or (found.missing and not settings.supabase_db_url):
        return CheckResult(
            "schema", ok=True, message="no tables, or older ones: made at the first use"
        )
    if lacks and not found.missing:
        message = f"the tables lack something that this program needs; run: {' '.join(lacks)}"
        return CheckResult("schema", ok=False, message=message)
    if found.problem:
        return CheckResult("schema", ok=False, message=found.problem)
    return CheckResult("schema", ok=True, message=f"up to date ({known} migrations)")


def _rights(found: Mapping[str, Any]) -> CheckResult:
    problems = []
    if found["missing"]:
        problems.append(f"this login may not: {', '.join(found['missing'])}; grant it that")
    if found["open"]:
        problems.append(
            f"anyone may: {', '.join(found['open'])}; revoke it, or make a policy with a condition "
            "(saft db sql --readers: who is signed in reads his companies)"
        )
    return CheckResult("rights", ok=not problems, message="; ".join(problems) or _may(found))


def _may(found: Mapping[str, Any]) -> str:
    ours = "this login may do all it needs"
    if (members := found["members"]) is not None:
        return f"{ours}, {members:,} users of company_readers read the rows of their companies"
    if found["policies"]:
        return f"{ours}, anon and authenticated what policies let them"
    return f"{ours}, anon and authenticated nothing"


def _dagster(settings: Settings) -> CheckResult:
    from saft_pipeline.dagster_runtime.instance import daemons, open_instance, unlimited

    where = "at DAGSTER_DB_URL" if settings.dagster_db_url else f"in {settings.dagster_home}"
    try:
        if not (settings.dagster_db_url or settings.dagster_home.exists()):
            message = f"history {where}, made at the first use"
            return CheckResult("dagster", ok=True, message=message)
        with open_instance(settings) as instance:
            statuses = instance.get_daemon_statuses(daemons(instance))
            problem = unlimited(instance)
    except Exception as error:
        message = f"its history {where} can't be opened: {error}"
        return CheckResult("dagster", ok=False, message=message)
    if problem:
        return CheckResult("dagster", ok=False, message=f"history {where}; {problem}")
    alive = all(status.healthy for status in statuses.values())
    daemon = "its daemon is at work" if alive else "its daemon is not at work; `saft up` starts it"
    return CheckResult("dagster", ok=True, message=f"history {where}; {daemon}")


def _shared(settings: Settings) -> Iterator[CheckResult]:
    """What several machines have in common."""
    from saft_pipeline.artifacts.remote import artifacts_of, try_out
    from saft_pipeline.dagster_runtime.redis_queue import BrokerError, require_answer

    if settings.redis_url:
        try:
            require_answer(settings.redis_url.get_secret_value())
            yield CheckResult("redis", ok=True, message="it answers")
        except BrokerError as error:
            yield CheckResult("redis", ok=False, message=str(error))
    if settings.saft_artifacts_url:
        try:
            where = try_out(artifacts_of(settings))
            yield CheckResult("artifacts", ok=True, message=f"written, read and deleted: {where}")
        except OSError as error:
            yield CheckResult("artifacts", ok=False, message=str(error))


def _api(settings: Settings) -> CheckResult:
    from saft_pipeline.web.server import is_loopback

    where = f"{settings.api_host}:{settings.api_port}"
    if not (settings.web_login or is_loopback(settings.dagster_host)):
        message = f"Dagster's page on {settings.dagster_host} without WEB_LOGIN: set user:password"
        return CheckResult("api", ok=False, message=message)
    if settings.api_token:
        return CheckResult("api", ok=True, message=f"{where}, with a token")
    if is_loopback(settings.api_host):
        return CheckResult(
            "api", ok=True, message=f"{where}, for this machine only, without a token"
        )
    message = f"{where} without API_TOKEN: it will not start; set one (openssl rand -hex 32)"
    return CheckResult("api", ok=False, message=message)
