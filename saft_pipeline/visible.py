"""Text from outside as people may look at it: what would steer a terminal or turn letters around
is shown as its code.
"""  # fmt: skip

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

# C0 but tab and line feed, DEL, C1; soft hyphen, marks of direction, line separators, half pairs.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with `\\x1b`, `\\u202e` and their kind in the place of such characters."""
    return STEERING.sub(lambda m: m[0].encode("unicode_escape", "surrogatepass").decode(), text)


def one_line(text: str) -> str:
    """The same for a place that has one line, such as a file's name in a list."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def in_html(text: str) -> str:
    """The same for a page or an SVG: nothing in it is markup either."""
    return html.escape(visible(text))


@cache
def templates(package: str) -> Environment:
    """The pages in the folder `templates` of a package; each value is shown as by `in_html`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["one_line"] = one_line
    return pages


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
