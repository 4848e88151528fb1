"""Where something stands in a text that is refused."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.places import advanced, place_of

TEXT = """<a>
<b>1</b><c>é</c><b>x</b>
<n:b
  d="1">2</n:b> <!-- <b> --><b>3</b>
</a>"""


@pytest.mark.parametrize(
    ("line", "tag", "text", "place"),
    [
        (2, "b", "", (2, 1)),
        (2, "b", "x", (2, 17)),
        (2, "b", "y", (2, 1)),
        (2, "c", "é", (2, 9)),
        (4, "b", "3", (4, 29)),
        (1, "a", "", (1, 1)),
        (3, "c", "", (2, 9)),
        (2, "z", "", None),
    ],
)
def test_element_is_found_by_its_line_name_and_text(
    line: int, tag: str, text: str, place: tuple[int, int] | None
) -> None:
    assert place_of([TEXT], line, tag, text) == place
    assert place_of(list(TEXT), line, tag, text) == place


def test_start_tag_of_several_lines_is_found_where_it_begins() -> None:
    assert place_of(["<a>\n <b\n c='1'\n>2</b></a>"], 4, "b", "") == (2, 2)


def test_place_after_a_text() -> None:
    assert advanced(3, 5, "ab") == (3, 7)
    assert advanced(3, 5, "a\nbc") == (4, 3)
