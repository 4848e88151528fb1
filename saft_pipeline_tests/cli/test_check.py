"""`saft check`: what is well, what is not, and the cure for it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import yaml

from saft_pipeline.cli import check
from saft_pipeline.store import schema
from saft_pipeline_tests.fixtures.project import Command, Done, Project
from saft_pipeline_tests.fixtures.sshd import Sshd

ALL = [
    "settings", "home", "sftp host key", "sftp login", "sftp folder", "database", "schema",
    "rights", "dagster", "api",
]  # fmt: skip


@pytest.fixture
def ready(project: Project) -> Project:
    """An installation with its tables."""
    project.store().close()
    return project


def problem(done: Done) -> tuple[str, str]:
    """The one check that found something, and what it says."""
    (found,) = (f for f in done.json if not f["ok"])
    return found["check"], found["message"]


def test_all_is_tried_and_well(saft: Command, ready: Project) -> None:
    done = saft("check", "--json")
    assert done.status == 0
    assert [f["check"] for f in done.json] == ALL
    assert {f["ok"] for f in done.json} == {True}


def test_people_are_told_the_same(saft: Command, ready: Project) -> None:
    done = saft("check")
    assert (done.status, done.out) == (0, "")
    assert all(f"ok      {check}: " in done.err for check in ALL)


def test_the_fingerprint_is_shown(saft: Command, ready: Project, sshd: Sshd) -> None:
    assert sshd.fingerprint in saft("check").err


def test_an_unknown_key_is_shown_with_how_to_accept_it(
    saft: Command, ready: Project, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").touch()
    monkeypatch.setenv("SFTP_KNOWN_HOSTS_PATH", str(tmp_path / "empty"))
    done = saft("check", "--json")
    check, message = problem(done)
    assert (done.status, check) == (1, "sftp host key")
    assert f"SFTP_HOST_KEY_FINGERPRINTS={sshd.fingerprint}" in message


@pytest.mark.parametrize(
    ("name", "value", "check", "cure"),
    [
        ("SFTP_USERNAME", "", "sftp settings", "SFTP_USERNAME: missing"),
        ("SFTP_PORT", "9", "sftp host key", "SFTP_PORT"),
        ("SFTP_USERNAME", "nobody-here", "sftp login", "SFTP_PRIVATE_KEY_PATH"),
        ("SFTP_REMOTE_DIR", "/no/such/folder", "sftp folder", "SFTP_REMOTE_DIR"),
        ("SUPABASE_DB_URL", "postgresql://u@127.0.0.1:9/x", "database", "SUPABASE_DB_URL"),
        ("API_HOST", "0.0.0.0", "api", "API_TOKEN"),
        ("SAFT_HOME", "/proc/saft", "home", "SAFT_HOME"),
        ("DAGSTER_DB_URL", "hunter2", "dagster", "DAGSTER_DB_URL is not an address"),
        ("SAFT_ARTIFACTS_URL", "nosuch://host/x", "artifacts", "SAFT_ARTIFACTS_URL"),
    ],
)
def test_each_problem_has_its_cure(
    saft: Command,
    ready: Project,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    check: str,
    cure: str,
) -> None:
    monkeypatch.setenv(name, value)
    done = saft("check", "--json")
    found = {f["check"]: f["message"] for f in done.json if not f["ok"]}
    assert done.status == 1
    assert cure in found[check]


def test_a_full_disk_is_told(
    saft: Command, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_LEAST_FREE", 1e9)
    found, message = problem(saft("check", "--json"))
    assert (found, "GB free: make room" in message) == ("home", True)


def test_a_history_that_cant_be_looked_for_hides_nothing(
    saft: Command, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFT_HOME", "x" * 300)  # no file system takes such a name
    done = saft("check", "--json")
    assert {f["check"] for f in done.json if not f["ok"]} == {"home", "dagster"}


def test_one_problem_hides_no_other(
    saft: Command, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_PORT", "9")
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://u@127.0.0.1:9/x")
    found = {f["check"] for f in saft("check", "--json").json if not f["ok"]}
    assert found == {"sftp host key", "database"}


def test_wrong_settings_could_not_be_tried(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFTP_PORT", "ssh")
    done = saft("check", "--json")
    assert (done.status, problem(done)[0]) == (2, "settings")


def test_no_password_is_shown(
    saft: Command, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://u:hunter2@127.0.0.1:9/x")
    monkeypatch.setenv("SFTP_PASSWORD", "hunter2")
    done = saft("check", "--json")
    assert "hunter2" not in done.out + done.err


def test_checking_makes_no_tables(saft: Command, project: Project, database_url: str) -> None:
    assert saft("check").status == 0
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select to_regclass('public.invoices')").fetchone()
    assert row == (None,)


def test_older_tables_are_found(saft: Command, ready: Project, database_url: str) -> None:
    newest = schema.migrations()[-1].version
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from saft.migrations where version = %s", [newest])
    assert problem(saft("check", "--json")) == (
        "schema",
        f"1 migrations are to be applied, from {newest}; run: saft db migrate",
    )


def test_newer_tables_are_told_with_their_own_cure_alone(
    saft: Command, ready: Project, database_url: str
) -> None:
    newer = "insert into saft.migrations (version, name) values ('99990101000000', 'x')"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(newer)
    check, message = problem(saft("check", "--json"))
    assert check == "schema"
    assert message.endswith("install the newer version of saft_pipeline; nothing was touched")


def test_a_database_that_takes_no_writes_is_told(
    saft: Command, ready: Project, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only = "-c default_transaction_read_only=on"
    url = psycopg.conninfo.make_conninfo(database_url, options=read_only)
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    check, message = problem(saft("check", "--json"))
    assert (check, "it takes no writes" in message) == ("database", True)


def test_foreign_tables_are_found(saft: Command, project: Project, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table public.invoices (id uuid)")
    check, message = problem(saft("check", "--json"))
    assert check == "schema"
    assert "not made by saft_pipeline" in message


def test_what_anyone_may_do_is_found(saft: Command, ready: Project, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'anon'").fetchone():
            connection.execute("create role anon")
        connection.execute("grant insert on public.invoices to anon")
    check, message = problem(saft("check", "--json"))
    assert check == "rights"
    assert "insert on invoices" in message


def test_an_instance_without_a_queue_is_told(
    saft: Command, ready: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"run_coordinator": kind}))
    monkeypatch.setenv("DAGSTER_INSTANCE", str(tmp_path))
    check, message = problem(saft("check", "--json"))
    assert check == "dagster"
    assert "no queue and launches every run at once" in message
