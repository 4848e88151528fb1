"""What is in `.deploy/`: checked by the tools of its kind, and tried as far as it goes here."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import Settings
from saft_pipeline.store import migrate
from saft_pipeline_tests.fixtures import in_thread
from saft_pipeline_tests.fixtures.own_home import own_home
from saft_pipeline_tests.fixtures.sshd import free_port

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / ".deploy"
UNIT = DEPLOY / "systemd" / "saft.service"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
SECRETS = {n for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)}

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


def needs(program: str) -> pytest.MarkDecorator:
    found = shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return pytest.mark.skipif(found is None, reason=f"{program} is not installed")


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there in the place of the installed one."""
    path = tmp_path / "saft.service"
    path.write_text(UNIT.read_text().replace("/opt/saft/bin/saft", sys.executable))
    return path


@needs("systemd-analyze")
def test_systemd_knows_every_line_of_the_unit(unit: Path) -> None:
    done = run("systemd-analyze", "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs("systemd-analyze")
def test_systemd_knows_every_line_of_the_worker_s_drop_in(unit: Path) -> None:
    folder = unit.with_name("saft.service.d")
    folder.mkdir()
    text = (DEPLOY / "systemd" / "worker.conf").read_text()
    (folder / "worker.conf").write_text(text.replace("/opt/saft/bin/celery", sys.executable))
    done = run("systemd-analyze", "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs("systemd-analyze")
def test_the_service_is_hardened(unit: Path) -> None:
    """systemd's exposure level, from 0 to 100: below 25 it says OK."""
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=25", unit)
    assert done.returncode == 0, done.stdout


@needs("systemd-sysusers")
def test_systemd_would_make_the_user() -> None:
    done = run("systemd-sysusers", "--dry-run", DEPLOY / "systemd" / "saft.sysusers")
    assert done.returncode == 0, done.stderr


def test_the_unit_shows_each_credential_in_the_setting_of_its_name() -> None:
    text = UNIT.read_text()
    loaded = re.findall(r"^#?LoadCredential=(\w+):/etc/saft/secrets/(\w+)$", text, re.MULTILINE)
    shown = re.findall(r"^#?Environment=(\w+)_FILE=%d/(\w+)$", text, re.MULTILINE)
    names = [name for name, file in loaded if name == file]
    assert [(name.upper(), name) for name in names] == shown
    assert set(names) <= SECRETS


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user can get through."""
    with tempfile.TemporaryDirectory(prefix="saft-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@as_root
@needs("setpriv")
def test_a_command_of_roots_has_the_services_settings_and_user(open_path: Path) -> None:
    home, secrets, told = open_path / "home", open_path / "etc" / "secrets", open_path / "told"
    home.mkdir()
    secrets.mkdir(parents=True)
    (open_path / "etc" / "saft.env").write_text(
        "# a word\n\nSFTP_REMOTE_DIR=a b/$HOME\nLOG_LEVEL=\nSFTP_PATTERN='*.x ml'\n"
        'SFTP_USERNAME="a \\"b\\" c"\n'
    )
    (secrets / "sftp_password").write_text("hunter2 $x\n")
    told.write_text('#!/bin/sh\nid -un; pwd; echo "$*"; env\n')
    told.chmod(0o755)
    script = (DEPLOY / "systemd" / "saft").read_text()
    for old, new in {
        "/etc/saft": str(open_path / "etc"),
        "/var/lib/saft": str(home),
        "/opt/saft/bin/saft": str(told),
        "=saft ": "=nobody ",
        "--regid=nobody": "--regid=nogroup",
    }.items():
        assert old in script
        script = script.replace(old, new)
    done = run("sh", "-c", script, "saft", "retry", "a file.xml")
    user, where, words, *environment = done.stdout.splitlines()
    assert (user, where, words) == ("nobody", str(home), "retry a file.xml"), done.stderr
    quoted = {"SFTP_PATTERN=*.x ml", 'SFTP_USERNAME=a "b" c'}  # as the service has them
    plain = {"SFTP_REMOTE_DIR=a b/$HOME", "SFTP_PASSWORD=hunter2 $x", f"SAFT_HOME={home}"}
    assert quoted | plain <= set(environment)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = run(Path(sys.executable).with_name("hadolint"), DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_a_user_and_looks_after_its_health() -> None:
    last = DOCKERFILE.read_text().split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", last, re.MULTILINE)
    assert "pip" not in last


def test_what_the_image_is_made_of_is_there_and_is_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert {f"!{source}" for source in sources} == {n for n in ignored if n.startswith("!")}


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load(COMPOSE.read_text())


def test_every_secret_of_a_container_is_one_of_the_files(compose: Any) -> None:
    for service in compose["services"].values():
        named = service.get("environment", {})
        files = {v for k, v in named.items() if k.endswith("_FILE")}
        assert files == {f"/run/secrets/{secret}" for secret in service.get("secrets", [])}
        assert set(service.get("secrets", [])) <= set(compose["secrets"])


def test_every_secret_of_the_pipeline_is_a_setting(compose: Any) -> None:
    assert set(compose["services"]["saft"]["secrets"]) <= SECRETS


def test_no_log_grows_for_ever(compose: Any) -> None:
    for service in compose["services"].values():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_what_the_containers_are_shown_of_the_clone_is_there(compose: Any) -> None:
    (conf, *_) = compose["services"]["nginx"]["volumes"]
    assert (COMPOSE.parent / conf.split(":")[0]).exists()
    build = compose["services"]["saft"]["build"]
    context = COMPOSE.parent / build["context"]
    assert (context / build["dockerfile"]).resolve() == DOCKERFILE


class Health(BaseHTTPRequestHandler):
    """Answers as the API does."""

    status = 200
    asked: tuple[str, str | None] = ("", None)

    def do_GET(self) -> None:
        type(self).asked = (self.path, self.headers["Authorization"])
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "as it may be"}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def api() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Health)
    with in_thread.answering(server):
        yield server


def healthcheck(port: int, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    script = DEPLOY / "docker" / "healthcheck.py"
    return run(sys.executable, script, cwd=folder, env={"API_PORT": str(port), **env})


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (401, False)])
def test_the_containers_health_is_what_the_api_says(
    api: HTTPServer, tmp_path: Path, status: int, healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Health, "status", status)
    done = healthcheck(api.server_port, tmp_path)
    assert (done.returncode == 0) is healthy
    assert "as it may be" in done.stdout + done.stderr


def test_the_health_is_asked_for_with_the_token_of_the_file(
    api: HTTPServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    assert healthcheck(api.server_port, tmp_path, API_TOKEN_FILE=str(token)).returncode == 0
    assert Health.asked == ("/api/health", "Bearer t0ken")


def test_no_api_is_no_health(tmp_path: Path) -> None:
    done = healthcheck(free_port(), tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("the API does not answer: ")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with own_home() as home:
        yield home


def backup(action: str, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    saft = "from saft_pipeline.cli import main; main()"
    env = {**os.environ, "SAFT_HOME": str(home)}
    return run(sys.executable, "-c", saft, "db", action, folder, cwd=folder.parent, env=env)


def rows(url: str, table: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(f"select * from {table}".encode()).fetchall()


def test_what_was_backed_up_can_be_put_back(home: Path, tmp_path: Path) -> None:
    server = EmbeddedPostgres(home)
    tables, history = server.url("saft"), server.url("dagster")
    migrate.migrate(tables)
    with psycopg.connect(tables) as connection:
        connection.execute("insert into companies (company_id) values ('1'), ('2')")
    with psycopg.connect(history) as connection:
        connection.execute("create table runs (id serial); insert into runs default values")
    before = rows(tables, "companies"), rows(history, "runs")
    assert backup("dump", tmp_path / "b", home).returncode == 0
    with psycopg.connect(tables) as connection:
        connection.execute("truncate companies cascade")
    with psycopg.connect(history) as connection:
        connection.execute("drop table runs")
    done = backup("restore", tmp_path / "b", home)
    assert done.returncode == 0, done.stderr
    assert (rows(tables, "companies"), rows(history, "runs")) == before
    server.close()


def test_a_dump_that_fails_leaves_the_one_before(home: Path, tmp_path: Path) -> None:
    (tmp_path / "tables.dump").write_text("the one before")
    (tmp_path / "tables.dump.part").mkdir()
    done = backup("dump", tmp_path, home)
    assert (done.returncode, (tmp_path / "tables.dump").read_text()) == (2, "the one before")


def test_nothing_is_put_back_while_the_program_runs(home: Path, tmp_path: Path) -> None:
    with (home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = backup("restore", tmp_path, home)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("stop it first")
