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
a{color:var(--link)}pre{background:var(--soft);padding:10px;border-radius:6px;overflow-x:auto}
.bad{color:var(--bad)}.good{color:var(--good)}.wait{color:var(--wait)}
.dim{color:var(--dim)}
label{display:block;margin:14px 0}
input,select{display:block;width:100%;font:inherit;color:inherit;background:var(--card);
border:1px solid var(--line);border-radius:6px;padding:8px 10px;margin-top:4px}
button{font:inherit;color:#fff;background:#0b5fa5;border:0;border-radius:6px;padding:7px 14px;
cursor:pointer}
header{display:flex;flex-wrap:wrap;gap:6px 18px;align-items:center;padding:10px 20px;
border-bottom:1px solid var(--line);background:var(--card)}
header nav{display:flex;gap:16px;flex:1}header a{text-decoration:none}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 20px;
margin:16px 0;box-shadow:0 1px 2px #0000000d;overflow-wrap:anywhere}
section h2{margin:0 0 10px}
details.card{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:10px 18px}details.card summary{cursor:pointer}
.verdict{border-left:6px solid var(--good);padding:16px 20px}.verdict h1{font-size:24px;margin:0}
.verdict.well h1{color:var(--good)}.verdict.look{border-left-color:var(--wait)}
.verdict.look h1{color:var(--wait)}.verdict.wrong{border-left-color:var(--bad)}
.verdict.wrong h1{color:var(--bad)}.verdict p{margin:4px 0 0}
.verdict ul{margin:8px 0 0;padding-left:20px}.verdict li{margin:4px 0}
.counts{display:flex;flex-wrap:wrap;gap:8px;margin:14px 0}
.count{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:7px 12px;
text-decoration:none;color:var(--text)}.count b{font-size:18px}
.count[aria-current]{outline:2px solid var(--link)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;
padding:7px 10px 7px 0;border-top:1px solid var(--line)}thead th{border:0;font-size:13px;
color:var(--dim);font-weight:600}.n{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}.plain th{font-weight:400;color:var(--dim);padding-right:16px;
white-space:nowrap}td.file{min-width:200px}td.reason p{margin:0 0 2px}
small,td .dim{font-size:13px}.scroll{overflow-x:auto}
.pill{display:inline-block;border-radius:999px;padding:1px 10px;font-size:13px;white-space:nowrap;
background:var(--soft);color:var(--dim)}.pill.failed,.pill.unreadable,.pill.gone{color:var(--bad);
border:1px solid}.pill.loaded{color:var(--good)}.pill.empty,.pill.incomplete{color:var(--wait)}
.count.failed b,.count.unreadable b,.count.gone b{color:var(--bad)}
.count.loaded b{color:var(--good)}
.count.incomplete b,.count.empty b{color:var(--wait)}
.runs{list-style:none;padding:0;margin:0}.runs form{display:inline}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:16px}
.pair section{margin:0}figure{margin:0}figcaption{font-size:14px}svg{width:100%;height:90px;
display:block;fill:var(--link);background:var(--soft);border-radius:6px;margin-top:6px}
.axis{display:flex;justify-content:space-between;font-size:12px}
.report label,.find label{display:inline-block;margin:4px 12px 4px 0}.report select{max-width:320px}
.find{display:flex;gap:10px;align-items:end;margin:10px 0}.find label{flex:1;max-width:420px}
body.stale main{opacity:.55}
body.stale header::after{content:"⟳";color:var(--bad)}
@media (max-width:700px){main{padding:14px 12px 40px}.files thead{display:none}
.files tr{display:block;border-top:1px solid var(--line);padding:10px 0}
.files td{display:block;border:0;padding:2px 0;text-align:left;min-width:0}
.files td:empty,.files td.n:empty{display:none}
.files td[data-label]::before{content:attr(data-label) ": ";color:var(--dim)}
.files td.n:not(:empty){display:inline-block;margin-right:14px}}
th,button{overflow-wrap:normal;white-space:nowrap}
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
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body>{body}</body></html>",
        status=status,
    )


def document(html: str, *, status: int = 200) -> HTMLResponse:
    """A whole document, which may load from nowhere else and is kept by nobody."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(html, status, headers)
