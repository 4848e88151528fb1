"""What would steer a terminal or turn letters around is shown as its code."""

from __future__ import annotations

import pytest

from saft_pipeline.cli import output
from saft_pipeline.visible import one_line, visible

HOSTILE = "a\x1b[2J\x9b1m\u202efdp.xml"


def test_steering_characters_are_shown_as_codes() -> None:
    assert visible(HOSTILE) == r"a\x1b[2J\x9b1m\u202efdp.xml"


@pytest.mark.parametrize("text", ["Évora/ção.xml", "two\nlines\tand a tab", "日本語 🧾", r"a\b"])
def test_all_else_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_name_stays_on_its_line() -> None:
    assert one_line("a\nloaded b.xml") == r"a\nloaded b.xml"


def test_half_a_character_can_be_written() -> None:
    assert visible("\ud800").encode() == rb"\ud800"


def test_words_and_documents_on_a_terminal_steer_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.say(HOSTILE)
    output.show(HOSTILE)
    output.print_json({"file": HOSTILE})
    written = "".join(capsys.readouterr())
    assert not set(written) & set("\x1b\x9b\u202e")
