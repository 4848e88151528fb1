"""Words on stderr as they are, one JSON document on stdout, bars on a terminal only."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import typer
from rich.console import Console

from saft_pipeline.cli import output
from saft_pipeline.settings import load
from saft_pipeline.visible import one_line
from saft_pipeline_tests.fixtures.project import ledger_file


def test_a_document_is_printed_with_its_accents(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"file": "Évora.xml"})
    assert capsys.readouterr().out == '{\n  "file": "Évora.xml"\n}\n'


@pytest.mark.parametrize(
    "stored",
    [
        "a.xml",
        "a\nb\tc\rd.xml",
        "\x1b[31m\x7f\u202e.xml",
        r"back\\new.xml",
        r"\xe7\xff.xml",
        "ç😀.xml",
    ],
)
def test_a_file_s_name_is_known_as_it_is_shown(stored: str) -> None:
    assert output.ledger_path(one_line(stored)) == stored


def test_a_typed_byte_that_is_not_utf_8_is_as_the_ledger_has_it() -> None:
    assert output.ledger_path(os.fsdecode(b"ficheiro-\xe7\xff.xml")) == r"ficheiro-\xe7\xff.xml"


def test_a_time_in_a_document_is_iso_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"at": datetime(2025, 7, 1, 9, 30, tzinfo=UTC)})
    assert json.loads(capsys.readouterr().out) == {"at": "2025-07-01T09:30:00+00:00"}


@pytest.mark.parametrize(("failed", "status"), [(False, 0), (True, 1)])
def test_the_end_has_the_status_of_what_happened(failed: bool, status: int) -> None:
    with pytest.raises(typer.Exit) as left:
        output.finish({}, "done", as_json=False, failed=failed)
    assert left.value.exit_code == status


def test_a_document_takes_the_place_of_the_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        output.finish({"loaded": 1}, "1 loaded", as_json=True, failed=False)
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == ({"loaded": 1}, "")


def test_a_long_sentence_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("x" * 200)
    assert capsys.readouterr().err == "x" * 200 + "\n"


def test_brackets_in_a_sentence_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("a[b].xml")
    assert capsys.readouterr().err == "a[b].xml\n"


def bar_on(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """What a progress bar writes."""
    stream = io.StringIO()
    monkeypatch.setattr(output, "words", Console(file=stream, force_terminal=terminal))
    with output.progress() as bar:
        bar.advance(bar.add_task("loading", total=2))
        bar.refresh()
    return stream.getvalue()


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "loading" in bar_on(monkeypatch, terminal=True)


def test_what_is_no_terminal_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bar_on(monkeypatch, terminal=False) == ""


@pytest.mark.parametrize(("given", "level"), [("", "critical"), ("info", "info")])
def test_logs_are_quiet_unless_asked_for(given: str, level: str) -> None:
    assert output.quiet(load({"LOG_LEVEL": given})).log_level == level


@pytest.mark.parametrize("status", ["loaded", "failed"])
def test_a_name_of_two_lines_makes_no_second(status: str) -> None:
    file = replace(ledger_file("a\nloaded b.xml"), status=status, error="a\nloaded b.xml:3: odd")
    assert output.file_line(file).startswith(rf"{status}{':' * (status == 'failed')} a\nloaded b")


def test_without_a_server_no_source_is_made_up() -> None:
    assert output.nothing_of(load({}), "x") == (
        "no file of x in the ledger; sources: none in the settings"
    )


@pytest.mark.parametrize("reason", ["it can't be reached", "a/f.xml: it can't be reached"])
def test_what_became_of_a_file_names_it_once(reason: str) -> None:
    file = replace(ledger_file("a/f.xml"), status="failed", error=reason)
    assert output.file_line(file) == "failed: a/f.xml: it can't be reached"
