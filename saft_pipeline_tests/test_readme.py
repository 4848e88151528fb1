"""What README.md tells people to type works, and what it shows is there."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from saft_pipeline.settings import Settings
from saft_pipeline_tests.fixtures.project import Command, Project, one_invoice

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = sorted(set(re.findall(r"`(saft [a-z][^`]*)`", TEXT)))
# These run until they are stopped, name a command alone, end what runs, or move tables of others.
ONLY_HELP = {
    *("saft up", "saft init", "saft serve", "saft retry", "saft cancel", "saft cancel RUN"),
    "saft db migrate --move-existing-to legacy",
}
FOR_EXAMPLE = {"FILE…": "good.xml", "FILE": "good.xml", "NIF": "599999993"}


def blocks(language: str) -> list[str]:
    """The fenced blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def loaded(shared_project: Project) -> Project:
    """An installation with one file in its tables."""
    shared_project.put("good.xml", one_invoice("FT R/1"))
    assert shared_project.json("poll")["loaded"] == 1
    return shared_project


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "saft demo"])
def test_every_command_can_be_typed(
    loaded: Project, saft: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name, value in loaded.env.items():
        monkeypatch.setenv(name, value)
    Path("good.xml").write_text(one_invoice("FT R/1"))
    typed = command.partition(" > ")[0]
    words = [FOR_EXAMPLE.get(word, word) for word in typed.split()[1:]]
    done = saft(*words, *(["--help"] if command in ONLY_HELP else []))
    assert done.status in (0, 1), done.err


@pytest.mark.parametrize("query", blocks("sql"), ids=range(len(blocks("sql"))))
def test_every_query_finds_rows(loaded: Project, query: str) -> None:
    """Of the documents of the day that the file is of, and of a note of what no file has."""
    company = query.replace("500000000", "599999993")
    with psycopg.connect(loaded.env["SUPABASE_DB_URL"]) as connection:
        connection.execute("update invoice_lines set reference = 'FT X/1'")
        connection.execute("update invoices set invoice_type = 'NC'")
        assert connection.execute(company.encode()).fetchall()
        connection.rollback()


@pytest.mark.parametrize("program", blocks("python")[:2], ids=["pandas", "polars"])
def test_every_program_keeps_decimals(
    loaded: Project, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = loaded.saft("export", "invoices", "--out", Path("invoices.parquet").absolute())
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {}
    exec(program, found)
    assert "FT" in capsys.readouterr().out
    values = [*found["frame"]["net_total"]]
    assert {type(value) for value in values} == {Decimal}
    assert values == [Decimal("10.00")]


def test_the_blocks_of_commands_are_what_ci_runs_or_the_demo() -> None:
    tests = (ROOT / ".ci" / "run").read_text().splitlines()[-1]
    demo = tests.replace("'.[dev]'", ".").replace(".venv/bin/pytest", ".venv/bin/saft demo")
    assert sorted(block.strip() for block in blocks("sh")) == sorted([tests, demo, demo])


def test_the_settings_shown_are_settings() -> None:
    named = [name for block in blocks("dotenv") for name in re.findall(r"^(\w+)=", block, re.M)]
    assert named
    assert {name.lower() for name in named} <= Settings.model_fields.keys()


def test_every_picture_is_shown_and_there() -> None:
    shown = re.findall(r"\]\(\.pictures/(.+?)\)", TEXT)
    assert sorted(shown) == sorted(path.name for path in (ROOT / ".pictures").iterdir())
