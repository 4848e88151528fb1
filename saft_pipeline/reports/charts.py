"""Stacked bars as SVG, small enough to stand in a page or in an asset's metadata.

The text is escaped, nothing is fetched, and no script is needed: a bar's title shows under the
pointer where the SVG stands in a page. Only lengths on the screen are floats.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain

import pandas as pd

from saft_pipeline.reports.language import Language
from saft_pipeline.visible import in_html

_WIDTH, _HEIGHT = 960, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 12, 44, 36
# Okabe and Ito's colours, which people tell apart whatever colours they see; grey for the rest.
BLUE, ORANGE, GREEN, PINK, PALE, RED = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"),
)
_COLOURS = (BLUE, ORANGE, GREEN, PINK, PALE, RED)
_GREY = "#8a8f98"
_LETTER = 7  # pixels, about
_LONGEST_NAME = 15
_OTHERS = "others"
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" role="img" '
    'aria-label="{label}" font-family="system-ui, sans-serif" font-size="12">'
    '<rect width="{width}" height="{height}" fill="#fff"/>'
)


def stacked_bars(
    frame: pd.DataFrame,
    *,
    x: str,
    stack: str,
    value: str,
    language: Language,
    colours: Mapping[str, str] | None = None,
) -> str:
    """One bar for each value of `x`, in order, of one colour for each value of `stack`.

    Amounts below zero hang from the axis. Of more than six stacks the largest five have a colour of
    their own; `colours` says which, where a colour means something. No rows give an empty text.
    """
    if frame.empty:
        return ""
    bars = _pivot(frame, x, stack, value, language)
    names = {name: language.shown(stack, name) for name in bars.columns}
    painted = {names[n]: c for n, c in _painted(list(names), colours or {}, language).items()}
    absent = _absent(x, language)
    bars = bars.rename(
        index=lambda label: label if label == absent else language.shown(x, label), columns=names
    )
    axis = _Axis(bars)
    head = _HEAD.format(width=_WIDTH, height=_HEIGHT, label=in_html(language.label(value)))
    parts = (
        _legend(painted), axis.grid(language), _bars(bars, axis, painted, language), _labels(bars)
    )  # fmt: skip
    return "".join([head, *chain.from_iterable(parts), "</svg>"])


def image(svg: str, label: str) -> str:
    """The SVG as an image in Markdown."""
    return f"![{label}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _absent(column: str, language: Language) -> str:
    """What stands for rows that have no value of a column."""
    return language.text("no {what}", what=language.label(column).lower())


def _pivot(frame: pd.DataFrame, x: str, stack: str, value: str, language: Language) -> pd.DataFrame:
    """Sums by `x` (rows) and `stack` (columns, the largest first), absent ones 0."""
    absent = {c: _absent(c, language) for c in (x, stack)}
    others = language.text(_OTHERS)
    named = frame.assign(
        x=frame[x].where(frame[x].notna(), absent[x]).astype(str),
        stack=frame[stack].where(frame[stack].notna(), absent[stack]).astype(str),
    )
    sizes = {str(name): abs(sum(rows[value])) for name, rows in named.groupby("stack", sort=False)}
    order = sorted(sizes, key=lambda name: -sizes[name])
    if len(order) > len(_COLOURS):
        order = order[: len(_COLOURS) - 1]
        named["stack"] = named["stack"].where(named["stack"].isin(order), others)
        order.append(others)
    sums = named.groupby(["x", "stack"], sort=True)[value].sum().astype(object).unstack("stack")
    return sums[order].where(sums[order].notna(), 0)


class _Axis:
    """The vertical axis: where an amount lies, and lines at round amounts."""

    def __init__(self, bars: pd.DataFrame) -> None:
        rows = [[float(v) for v in row] for row in bars.itertuples(index=False, name=None)]
        high = max(sum(v for v in row if v > 0) for row in rows)
        low = min(sum(v for v in row if v < 0) for row in rows)
        self._step = _round_step((high - low) / 5 or 1.0)
        self._high = math.ceil(high / self._step) or (1 if low == 0 else 0)
        self._low = math.floor(low / self._step)

    def y(self, amount: float) -> float:
        """In pixels from the top."""
        span = (self._high - self._low) * self._step
        return _TOP + (self._high * self._step - amount) / span * (_HEIGHT - _TOP - _BOTTOM)

    def grid(self, language: Language) -> Iterator[str]:
        """Lines and their amounts; zero's is darker."""
        for place in range(self._low, self._high + 1):
            amount = place * self._step
            y, colour = self.y(amount), "#e3e6ea" if place else "#6b7280"
            yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{colour}"/>'
            yield _text(_LEFT - 8, y + 4, _round(amount, language), anchor="end")


def _round(amount: float, language: Language) -> str:
    return language.number(Decimal(f"{amount:.10g}"))


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … (or their tenths …) that is not below `least`."""
    exponent = Decimal(least).adjusted()
    steps = (float(Decimal(digit).scaleb(exponent)) for digit in (1, 2, 5, 10))
    return next(step for step in steps if step >= least)


def _bars(
    bars: pd.DataFrame, axis: _Axis, painted: Mapping[str, str], language: Language
) -> Iterator[str]:
    slot = (_WIDTH - _LEFT - _RIGHT) / len(bars)
    width = min(slot * 0.72, 64)
    for place, (label, row) in enumerate(bars.iterrows()):
        left = _LEFT + slot * place + (slot - width) / 2
        ends = [0.0, 0.0]  # below and above the axis
        for (name, colour), amount in zip(painted.items(), row, strict=True):
            if not amount:
                continue
            side = int(amount > 0)
            start, ends[side] = ends[side], ends[side] + float(amount)
            top, foot = sorted((axis.y(start), axis.y(ends[side])))
            yield (
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{foot - top:.1f}" '
                f'fill="{colour}"><title>{in_html(f"{label}, {name}: {language.number(amount)}")}'
                "</title></rect>"
            )


def _labels(bars: pd.DataFrame) -> Iterator[str]:
    slot = (_WIDTH - _LEFT - _RIGHT) / len(bars)
    every = math.ceil((_LETTER * max(map(len, bars.index)) + 12) / slot)
    for place, label in enumerate(bars.index):
        if place % every == 0:
            yield _text(_LEFT + slot * (place + 0.5), _HEIGHT - 12, str(label), anchor="middle")


def _legend(painted: Mapping[str, str]) -> Iterator[str]:
    left = float(_LEFT)
    for name, colour in painted.items():
        short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        yield f'<rect x="{left:.1f}" y="12" width="12" height="12" rx="2" fill="{colour}"/>'
        yield _text(left + 18, 22, short, anchor="start")
        left += 34 + _LETTER * len(short)


def _painted(
    names: Sequence[str], colours: Mapping[str, str], language: Language
) -> dict[str, str]:
    """The colour of each name, in order."""
    free = iter([colour for colour in _COLOURS if colour not in colours.values()])
    known = {language.text(_OTHERS): _GREY, **colours}
    return {name: known.get(name) or next(free, _GREY) for name in names}


def _text(x: float, y: float, text: str, *, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#374151">'
        f"{in_html(text)}</text>"
    )
