"""`saft init`: what is typed becomes a `.env` that holds, that only its owner reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from saft_pipeline.settings import load
from saft_pipeline_tests.fixtures.project import Project
from saft_pipeline_tests.fixtures.sshd import Sshd

NASTY = "p#w'd\\ \"é$x"


def typed(*answers: str, home: Path) -> subprocess.CompletedProcess[str]:
    """The command with answers on stdin and no terminal, so that secrets are read from there."""
    return subprocess.run(
        [sys.executable, "-c", "from saft_pipeline.cli import main; main()", "init"],
        input="".join(f"{answer}\n" for answer in answers),
        env={"PATH": "", "HOME": str(home), "PYTHONWARNINGS": "ignore"},
        capture_output=True, text=True, check=False, start_new_session=True, timeout=100,
    )  # fmt: skip


@pytest.fixture
def login(project: Project, sshd: Sshd) -> list[str]:
    """What is typed up to the database."""
    server = [sshd.host, str(sshd.port), sshd.username, "y"]
    return [*server, str(sshd.key_path), "", str(sshd.root)]


def test_what_is_typed_is_written_and_checked(
    login: list[str], sshd: Sshd, database_url: str, tmp_path: Path
) -> None:
    Path(".env").write_text("# mine\nSFTP_HOST=old\nMAX_CONCURRENT_RUNS=3\nSFTP_PASSWORD=old\n")
    done = typed(*login, database_url, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sshd.fingerprint in done.stderr
    assert "ok      sftp login" in done.stderr
    assert database_url not in done.stdout + done.stderr
    settings = load({}, Path(".env"))
    assert settings.supabase_db_url
    assert settings.supabase_db_url.get_secret_value() == database_url
    assert (settings.sftp_host, settings.max_concurrent_runs) == (sshd.host, 3)
    assert settings.sftp_password is None
    assert Path(".env").read_text().startswith("# mine\n")
    assert Path(".env").stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_not_the_same_writes_nothing(login: list[str], tmp_path: Path) -> None:
    done = typed(*login[:3], "n", home=tmp_path)
    assert (done.returncode, Path(".env").exists()) == (2, False)
    assert "not trusted; nothing was written" in done.stderr


def test_an_end_in_the_middle_writes_nothing(login: list[str], tmp_path: Path) -> None:
    done = typed(*login[:5], home=tmp_path)
    assert done.returncode != 0
    assert list(Path().glob(".env*")) == []


def test_a_password_of_any_letters_is_read_again_as_it_was_typed(
    login: list[str], sshd: Sshd, tmp_path: Path
) -> None:
    typed(*login[:4], "", NASTY, ".", "", home=tmp_path)
    password = load({}, Path(".env")).sftp_password
    assert password
    assert password.get_secret_value() == NASTY


def test_what_dotenv_would_fill_in_is_refused(login: list[str], tmp_path: Path) -> None:
    done = typed(*login[:4], "", "a${HOME}b", ".", "", home=tmp_path)
    assert done.returncode == 2
    assert "set SFTP_PASSWORD_FILE; nothing was written" in done.stderr
    assert list(Path().glob(".env*")) == []


@pytest.mark.parametrize("database", ["SUPABASE_DB_URL=postgresql://a", "SUPABASE_URL=https://a"])
def test_what_was_there_is_left_empty_where_it_is_asked_for(
    login: list[str], database: str, tmp_path: Path
) -> None:
    before = f"{database}\nSUPABASE_KEY=k\nSFTP_PRIVATE_KEY_PATH=/k\nSFTP_REMOTE_DIR=in\n"
    Path(".env").write_text(before)
    typed(*login[:4], "-", "secret", "", "-", home=tmp_path)
    settings = load({}, Path(".env"))
    assert (settings.sftp_private_key_path, settings.sftp_remote_dir) == (None, "in")
    assert settings.sftp_password
    assert (settings.supabase_db_url, settings.supabase_url) == (None, None)


@pytest.mark.parametrize("port", ["0", "65536", "ssh"])
def test_a_port_that_is_none_is_refused(login: list[str], port: str, tmp_path: Path) -> None:
    done = typed(login[0], port, home=tmp_path)
    assert (done.returncode, Path(".env").exists()) == (2, False)
    assert f"port {port}: not a number between 1 and 65535; nothing was written" in done.stderr
