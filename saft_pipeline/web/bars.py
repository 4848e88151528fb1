"""A small chart of files by time, as SVG of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from saft_pipeline.web.words import Words

_WIDTH, _HEIGHT = 480, 90


class Bar(NamedTuple):
    """What was loaded in one stretch of time."""

    label: str
    files: int
    rows: int


def chart(title: str, bars: Sequence[Bar], say: Words) -> str:
    """The chart; each bar says its figures to who points at it, and all of them to a reader."""
    most = max(max(bar.files for bar in bars), 1)
    step = _WIDTH / len(bars)
    drawn = "".join(
        f'<rect x="{place * step + 1:.1f}" width="{step - 2:.1f}" rx="1" '
        f'y="{_HEIGHT - (height := round(bar.files / most * (_HEIGHT - 4)) or 1)}" '
        f'height="{height}"><title>{bar.label}: {_figures(bar, say)}</title></rect>'
        for place, bar in enumerate(bars)
    )
    total = Bar("", sum(bar.files for bar in bars), sum(bar.rows for bar in bars))
    return (
        f'<figure><figcaption>{title}<br><span class="dim">{_figures(total, say)}; '
        f"{say('most: {n}', n=say.number(most if total.files else 0))}</span></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}: '
        f'{_figures(total, say)}">{drawn}</svg>'
        f'<div class="axis dim"><span>{bars[0].label}</span><span>{bars[-1].label}</span></div>'
        "</figure>"
    )


def _figures(bar: Bar, say: Words) -> str:
    files, rows = say.number(bar.files), say.number(bar.rows)
    return say("{files} files, {rows} rows", files=files, rows=rows)
