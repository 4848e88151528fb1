"""What would steer a terminal or turn letters around is shown as its code."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from saft_pipeline.cli import output
from saft_pipeline.visible import one_line, templates, visible

HOSTILE = "a\x1b[2J\x9b1m\u202efdp.xml"


def test_steering_characters_are_shown_as_codes() -> None:
    assert visible(HOSTILE) == r"a\x1b[2J\x9b1m\u202efdp.xml"


@pytest.mark.parametrize("text", ["Évora/ção.xml", "two\nlines\tand a tab", "日本語 🧾", r"a\b"])
def test_all_else_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_name_stays_on_its_line() -> None:
    assert one_line("a\nloaded b.xml") == r"a\nloaded b.xml"


def test_what_a_page_shows_is_no_markup_and_steers_nothing() -> None:
    shown = templates("saft_pipeline.web").from_string("<b>{{ name }}</b>{{ svg | safe }}")
    expected = r"<b>&lt;i&gt;\x1b\u202e</b><svg/>"
    assert shown.render(name="<i>\x1b\u202e", svg="<svg/>") == expected


def test_a_page_that_lacks_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="name"):
        templates("saft_pipeline.web").from_string("{{ name }}").render()


def test_half_a_character_can_be_written() -> None:
    assert visible("\ud800").encode() == rb"\ud800"


def test_words_and_documents_on_a_terminal_steer_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.say(HOSTILE)
    output.print_line(HOSTILE)
    output.print_json({"file": HOSTILE})
    written = "".join(capsys.readouterr())
    assert not set(written) & set("\x1b\x9b\u202e")
