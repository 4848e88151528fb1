"""The look of our pages, and in which language they are: no script, font or host but our own."""

from __future__ import annotations

import re
from html import escape
from typing import Literal

from starlette.responses import HTMLResponse

Language = Literal["en", "pt"]

STYLE = """
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--text:#1c2530;--dim:#566171;--line:#dfe3e8;
--link:#0b5fa5;--good:#0a7d4f;--bad:#b3261e;--wait:#8a5a00;--soft:#eef1f4}
@media (prefers-color-scheme:dark){:root{--bg:#12161b;--card:#1b2129;--text:#e6eaf0;--dim:#9fabb9;
--line:#303945;--link:#7db8f0;--good:#4cc38a;--bad:#ff8a80;--wait:#e5b567;--soft:#242c36}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--bg);margin:0}
main{max-width:1200px;margin:0 auto;padding:24px 20px 48px}
main.narrow{max-width:380px;padding-top:12vh}
h1{font-size:20px;margin:0 0 12px}h2{font-size:16px;margin:28px 0 10px}
a{color:var(--link)}.bad{color:var(--bad)}.good{color:var(--good)}.wait{color:var(--wait)}
.dim{color:var(--dim)}
label{display:block;margin:14px 0}
input,select{display:block;width:100%;font:inherit;color:inherit;background:var(--card);
border:1px solid var(--line);border-radius:6px;padding:8px 10px;margin-top:4px}
button{font:inherit;color:#fff;background:#0b5fa5;border:0;border-radius:6px;padding:7px 14px;
cursor:pointer}
button.small{padding:3px 10px;font-size:13px;background:var(--soft);color:var(--text);
border:1px solid var(--line)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
"""

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def language(accept: str) -> Language:
    """Portuguese if the browser likes it better than English, by `Accept-Language`."""
    weights: dict[str, float] = {}
    for tag, _, quality in re.findall(r"([A-Za-z]{2})[A-Za-z-]*\s*(;\s*q=([0-9.]+))?", accept):
        weight = float(quality) if re.fullmatch(r"[01](\.[0-9]*)?", quality) else 1.0
        weights[tag.lower()] = max(weight, weights.get(tag.lower(), 0.0))
    return "pt" if weights.get("pt", 0.0) > weights.get("en", 0.0) else "en"


def page(title: str, body: str, lang: Language, *, status: int = 200) -> HTMLResponse:
    """A page of ours; `body` is HTML."""
    return document(
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>",
        status=status,
    )


def document(html: str, *, status: int = 200) -> HTMLResponse:
    """A whole document, which may load from nowhere else and is kept by nobody."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(html, status, headers)
