"""The SVG of a chart: bars where they belong, all text escaped, nothing fetched."""

from __future__ import annotations

import base64
from decimal import Decimal
from itertools import pairwise

import pandas as pd
import pytest
from lxml import etree

from saft_pipeline.reports.charts import BLUE, image, stacked_bars
from saft_pipeline.reports.language import ENGLISH

SVG = "{http://www.w3.org/2000/svg}"


def chart(*rows: tuple[str | None, str | None, str], **colours: str) -> etree._Element:
    frame = pd.DataFrame(
        [(x, stack, Decimal(value)) for x, stack, value in rows],
        columns=["x", "branch", "value"],
        dtype=object,
    )
    svg = stacked_bars(
        frame, x="x", stack="branch", value="value", language=ENGLISH, colours=colours or None
    )
    return etree.fromstring(svg)


def bars(svg: etree._Element) -> dict[str, tuple[float, float, str]]:
    """Top, height and colour by title."""
    return {
        str(rect.findtext(f"{SVG}title")): (
            float(rect.get("y", "")), float(rect.get("height", "")), rect.get("fill", ""),
        )
        for rect in svg.iter(f"{SVG}rect")
        if rect.find(f"{SVG}title") is not None
    }  # fmt: skip


def texts(svg: etree._Element) -> list[str]:
    return [str(text.text) for text in svg.iter(f"{SVG}text")]


def test_heights_are_as_amounts() -> None:
    found = bars(chart(("1", "b", "100"), ("2", "b", "50")))
    assert found["1, b: 100"][1] == pytest.approx(2 * found["2, b: 50"][1], abs=0.2)


def test_stacks_stand_on_each_other() -> None:
    found = bars(chart(("1", "a", "100"), ("1", "b", "50")))
    top, height, _ = found["1, b: 50"]
    assert top + height == pytest.approx(found["1, a: 100"][0], abs=0.2)


def test_negative_amounts_hang_from_the_axis() -> None:
    found = bars(chart(("1", "a", "100"), ("2", "a", "-100")))
    top, height, _ = found["1, a: 100"]
    assert found["2, a: -100"][0] == pytest.approx(top + height, abs=0.2)


def test_rows_of_one_bar_and_stack_are_added() -> None:
    assert list(bars(chart(("1", "a", "1.10"), ("1", "a", "2.20")))) == ["1, a: 3.30"]


def test_the_axis_has_round_amounts() -> None:
    assert [t for t in texts(chart(("1", "a", "987.65"))) if t[0].isdigit()] == [
        "0", "200", "400", "600", "800", "1,000", "1",
    ]  # fmt: skip


def test_of_many_stacks_the_largest_five_have_a_colour() -> None:
    svg = chart(*(("1", f"s{n}", str(10 * n)) for n in range(1, 10)))
    legend = texts(svg)[:6]
    assert legend == ["s9", "s8", "s7", "s6", "s5", "others"]
    assert bars(svg)["1, others: 100"][2] == "#8a8f98"


def test_colours_differ() -> None:
    found = bars(chart(*(("1", f"s{n}", str(10 * n)) for n in range(1, 7))))
    assert len({colour for _, _, colour in found.values()}) == 6


def test_a_colour_that_means_something_is_not_given_to_others() -> None:
    found = bars(chart(("1", "good", "5"), ("1", "bad", "1"), ("1", "new", "9"), bad=BLUE))
    assert found["1, bad: 1"][2] == BLUE
    assert BLUE not in {found["1, good: 5"][2], found["1, new: 9"][2]}


def test_what_has_no_name_is_called_so() -> None:
    assert "1, no branch: 5" in bars(chart(("1", None, "5")))


def test_names_are_escaped() -> None:
    assert "1, <b>&\"': 5" in bars(chart(("1", "<b>&\"'", "5")))


def test_labels_do_not_run_into_each_other() -> None:
    svg = chart(*((f"2025-01-{n:02}", "a", "1") for n in range(1, 32)))
    places = [float(t.get("x", "")) for t in svg.iter(f"{SVG}text") if "2025" in str(t.text)]
    assert min(b - a for a, b in pairwise(places)) >= 75


def test_it_fetches_nothing() -> None:
    svg = chart(("1", "a", "1"))
    assert not [e for e in svg.iter() if any("href" in str(name) for name in e.keys())]  # noqa: SIM118
    assert not list(svg.iter(f"{SVG}script", f"{SVG}image", f"{SVG}foreignObject"))


def test_no_rows_are_no_chart() -> None:
    frame = pd.DataFrame([], columns=["x", "branch", "value"], dtype=object)
    assert stacked_bars(frame, x="x", stack="branch", value="value", language=ENGLISH) == ""


def test_amounts_of_nothing_are_a_chart_all_the_same() -> None:
    assert "0" in texts(chart(("1", "a", "0")))


def test_an_image_holds_the_svg() -> None:
    markdown = image("<svg/>", "VAT")
    head, _, data = markdown.partition(",")
    assert head == "![VAT](data:image/svg+xml;base64"
    assert base64.b64decode(data.rstrip(")")) == b"<svg/>"
