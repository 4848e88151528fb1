"""A small chart of files by time: what each bar says, and how high it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from saft_pipeline.web.words import Words


class Bar(NamedTuple):
    """What was loaded in one stretch of time."""

    label: str
    files: int
    rows: int

    def figures(self, say: Words) -> str:
        """What it says to who points at it."""
        files, rows = say.number(self.files), say.number(self.rows)
        return say("{files} files, {rows} rows", files=files, rows=rows)


@dataclass(frozen=True)
class Chart:
    """Bars of equal width side by side; lengths are in units of the picture."""

    title: str
    bars: Sequence[Bar]
    width: int = 480
    height: int = 90

    @property
    def total(self) -> Bar:
        """All bars as one, for who can't see the picture."""
        return Bar("", sum(bar.files for bar in self.bars), sum(bar.rows for bar in self.bars))

    @property
    def most(self) -> int:
        """The files of the highest bar."""
        return max(bar.files for bar in self.bars)

    @property
    def step(self) -> float:
        """From one bar to the next."""
        return self.width / len(self.bars)

    def drawn(self) -> Iterator[tuple[Bar, float, int]]:
        """Each bar, its left side and its height; one without a file can still be pointed at."""
        for place, bar in enumerate(self.bars):
            height = round(bar.files / max(self.most, 1) * (self.height - 4)) or 1
            yield bar, place * self.step + 1, height
