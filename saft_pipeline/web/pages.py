"""Answers that are HTML of ours, and in which language: no script, font or host but our own."""

from __future__ import annotations

import re
from typing import Any, Literal

from starlette.responses import HTMLResponse

from saft_pipeline.visible import templates

LanguageCode = Literal["en", "pt"]

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def preferred_language(accept: str) -> LanguageCode:
    """Portuguese if the browser likes it better than English, by `Accept-Language`."""
    weights: dict[str, float] = {}
    for tag, _, quality in re.findall(r"([A-Za-z]{2})[A-Za-z-]*\s*(;\s*q=([0-9.]+))?", accept):
        weight = float(quality) if re.fullmatch(r"[01](\.[0-9]*)?", quality) else 1.0
        weights[tag.lower()] = max(weight, weights.get(tag.lower(), 0.0))
    return "pt" if weights.get("pt", 0.0) > weights.get("en", 0.0) else "en"


def page_response(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of ours: one of `templates` with its values."""
    return html_response(rendered(template, **values), status=status)


def rendered(template: str, **values: Any) -> str:
    """The HTML of a page or of a part of one."""
    return templates(__package__).get_template(template).render(values)


def html_response(html: str, *, status: int = 200) -> HTMLResponse:
    """A whole document, which may load from nowhere else and is kept by nobody."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(html, status, headers)
