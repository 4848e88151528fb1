"""The command as a whole: help, exit statuses, what README says of it, and what it never says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from saft_pipeline import __version__
from saft_pipeline.cli import status
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.fixtures.project import Command, Project, broken, one_invoice
from saft_pipeline_tests.fixtures.sshd import free_port

README = Path(__file__).parents[2] / "README.md"
COMMANDS = {
    "demo", "up", "poll", "ingest", "parse", "status", "retry", "active", "cancel", "check", "db",
    "serve", "bench",
}  # fmt: skip
SCREEN = 30, 80  # lines and columns


def commands(help_text: str) -> set[str]:
    """The commands that a help text lists."""
    return set(re.findall(r"^[│ ] ([a-z]+) ", help_text.partition("Commands")[2], re.MULTILINE))


def test_every_command_of_the_contract_is_there(saft: Command) -> None:
    assert commands(saft("--help").out) >= COMMANDS


def test_readme_names_every_command(saft: Command) -> None:
    table = README.read_text().partition("## Commands")[2].partition("\n## ")[0]
    named = set(re.findall(r"`saft ([a-z]+)", table))
    assert named == commands(saft("--help").out)


@pytest.mark.parametrize("words", [[], *([name] for name in sorted(COMMANDS))], ids=str)
def test_help_fits_a_screen(saft: Command, words: list[str]) -> None:
    shown = saft(*words, "--help").out.splitlines()
    assert len(shown) <= SCREEN[0]
    assert max(map(len, shown)) <= SCREEN[1]


@pytest.mark.parametrize("name", sorted(COMMANDS - {"db"}))
def test_every_command_has_a_sentence_of_help(saft: Command, name: str) -> None:
    assert re.search(r"[A-Z].+\.", saft(name, "--help").out.partition("╭")[0], re.DOTALL)


def test_command_that_is_typed_imports_no_other() -> None:
    typed = (
        "import atexit, sys; sys.argv = ['saft', 'validate', '--help'];"
        "atexit.register(lambda: print(*sys.modules));"
        "from saft_pipeline.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", typed], capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert "saft_pipeline.cli.validate" in imported
    assert not imported & {"saft_pipeline.cli.status", "saft_pipeline.settings", "psycopg"}


def test_the_version_is_printed(saft: Command) -> None:
    assert saft("--version").out == f"saft_pipeline {__version__}\n"


def test_the_script_for_completion_is_printed_for_bash() -> None:
    # A command after it, or bash would turn into `saft` and be found nowhere.
    typed = f"{Path(sys.executable).with_name('saft')} --show-completion; true"
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
    assert "complete -o default -F _saft_completion saft" in done.stdout


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("saft sta", ["status"]), ("saft status --state unr", ["unreadable"]), ("saft db u", ["url"])],
)
def test_words_are_completed(
    saft: Command, monkeypatch: pytest.MonkeyPatch, typed: str, completed: list[str]
) -> None:
    monkeypatch.setenv("_SAFT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert saft().out.split() == completed


def test_help_shows_brackets_as_they_are(saft: Command) -> None:
    assert ".[dev]" in saft("bench", "--help").out


@pytest.mark.parametrize(
    "words", [["nosuch"], ["poll", "--nosuch"], ["parse"], []], ids=lambda words: " ".join(words)
)
def test_a_wrong_word_is_status_2(saft: Command, words: list[str]) -> None:
    assert saft(*words).status == 2


def test_a_wrong_setting_is_told_by_its_name(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEASE_SECONDS", "soon")
    done = saft("status")
    assert done.status == 2
    assert "LEASE_SECONDS: " in done.err


def test_ctrl_c_is_no_traceback(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "load", interrupt)
    done = saft("status")
    assert (done.status, "Traceback" in done.err) == (130, False)


def test_a_fault_of_ours_shows_its_traceback(
    saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(status, "load", crash)
    with pytest.raises(ZeroDivisionError):
        saft("status")


SECRETS = {
    "SFTP_PRIVATE_KEY_PASSPHRASE": "passphrase-hunter2",
    "SFTP_PASSWORD": "password-hunter2",
    "API_TOKEN": "token-hunter2-token-hunter2-token-hunter2",
    "SUPABASE_URL": "http://127.0.0.1:1",
    "SUPABASE_KEY": "key-hunter2",
}


@pytest.fixture
def secretive(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An installation whose every secret has the same word in it."""
    key = tmp_path / "locked_key"
    key.write_bytes(Path(project.env["SFTP_PRIVATE_KEY_PATH"]).read_bytes())
    key.chmod(0o600)
    phrase = SECRETS["SFTP_PRIVATE_KEY_PASSPHRASE"]
    lock = ["ssh-keygen", "-q", "-p", "-P", "", "-N", phrase, "-f", str(key)]
    subprocess.run(lock, check=True, capture_output=True)
    url = project.env["SUPABASE_DB_URL"].replace("saft@", "saft:hunter2@")
    assert "hunter2" in url
    secrets = {**SECRETS, "SUPABASE_DB_URL": url, "SFTP_PRIVATE_KEY_PATH": str(key)}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    return Project(project.folder, {**project.env, **secrets})


def dump(url: str) -> str:
    """All that a database holds, as text."""
    tables = "select table_schema, table_name from information_schema.tables"
    mine = f"{tables} where table_type = 'BASE TABLE' and table_schema not like 'pg\\_%'"
    parts = []
    with psycopg.connect(url) as connection:
        for schema, table in connection.execute(sql.SQL(mine)).fetchall():
            rows = sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table))
            parts += [row[0] for row in connection.execute(rows)]
    return "\n".join(parts)


def test_no_command_tells_a_secret(secretive: Project, saft: Command, tmp_path: Path) -> None:
    secretive.put("good.xml", one_invoice("FT K/1"))
    secretive.put("bad.xml", broken("FT K/2"))
    local = tmp_path / "local.xml"
    local.write_text(one_invoice("FT K/3"))
    polled = secretive.saft("poll", "--drain", LOG_LEVEL="debug")
    assert polled.returncode == 1, polled.stderr
    told = [polled.stdout, polled.stderr]
    for words in (
        ["ingest", local], ["status"], ["status", "--json"], ["retry", "--failed"], ["active"],
        ["check"], ["check", "--json"], ["db", "migrate"],
    ):  # fmt: skip
        done = saft(*words)
        told += [done.out, done.err]
    assert "hunter2" not in "\n".join(told)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("name", ["SFTP_PORT", "SUPABASE_DB_URL", "SFTP_USERNAME", "SUPABASE_KEY"])
def test_no_fault_tells_a_secret(
    secretive: Project, saft: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    wrong = {
        "SFTP_PORT": str(free_port()),
        "SUPABASE_DB_URL": f"postgresql://saft:hunter2@127.0.0.1:{free_port()}/saft",
        "SFTP_USERNAME": "nobody-at-all",
        "SUPABASE_KEY": "",
    }
    monkeypatch.setenv(name, wrong[name])
    told = [saft(word) for word in ("poll", "check")]
    assert told[0].status == 2
    assert "hunter2" not in "".join(done.out + done.err for done in told)


def test_no_secret_is_in_the_history_or_the_ledger(
    secretive: Project, saft: Command, saft_home: Path
) -> None:
    secretive.put("bad.xml", broken("FT K/1"))
    assert saft("poll").status == 1
    history = dump(EmbeddedPostgres(saft_home).url("dagster"))
    assert "sftp_folder" in history
    assert "hunter2" not in history + dump(secretive.env["SUPABASE_DB_URL"])
