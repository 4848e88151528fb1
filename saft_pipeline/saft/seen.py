"""What a file has shown already, and some numbers beside each, in little memory.

A dict of a million keys would take more than the whole reader may. Numbers of a series that come in
their order take no more than what is beside them; other keys are in a hash table.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Hashable
from struct import Struct
from typing import Any

_FREE = 0
_FEW = 1 << 12
_BITS = (1 << 64) - 1
_MOST_RUNS, _MOST_PARTS = 10_000, 1_000
_DIGITS, _MOST_DIGITS = "0123456789", 18

Beside = tuple[Any, ...]  # of numbers


class SeenKeys:
    """Keys, and beside each as many numbers as `columns` has type codes of `array`.

    The first `few` are in a dict, which is several times as fast and takes a hundred bytes a key.
    Beyond `most` keys in the table, or four times as many in series, nothing is added any more. Two
    keys of the same 64 bits would be taken for one: for a million that is a chance of 3 in 100
    million.
    """

    def __init__(self, columns: str = "", most: int = sys.maxsize, few: int | None = None) -> None:
        self._first: dict[Hashable, Beside] | None = {}
        self._few = _FEW if few is None else few
        self._most, self._most_in_runs = most, 4 * most
        self._runs: dict[str, Run] = {}
        self._in_runs = self.left_out = 0
        self._columns = columns
        self._table: _Table

    def add(self, key: Hashable, *beside: float) -> Beside | None:
        """Note a key; None if it is new, else what is beside it since it was."""
        first = self._first
        if first is None:
            return self._note(key, beside)
        if key in first:
            return first[key]
        first[key] = beside
        if len(first) > self._few:
            self._first, self._table = None, _Table(self._columns)
            for each, numbers in first.items():
                self._note(each, numbers)
        return None

    def run(self, series: str) -> Run | None:
        """The numbers of a series such as `FT A/`, if they are kept as such: see `add_next`."""
        return self._runs.get(series)

    def add_next(self, run: Run, number: int, beside: Beside) -> bool:
        """Note the number that comes next in a series; False, and nothing is done, for another."""
        if run.following != number or run.has_strays or self._in_runs >= self._most_in_runs:
            return False
        run.rows += run.row.pack(*beside)
        run.following = number + 1
        self._in_runs += 1
        return True

    def get(self, key: Hashable) -> Beside | None:
        """What is beside a key, None if it was not seen."""
        if self._first is not None:
            return self._first.get(key)
        series, number = _numbered(key)
        run = self._runs.get(series) if series is not None else None
        found = run.get(number) if run else None
        return found if found is not None else self._table.get(_hash(key))

    def __contains__(self, key: Hashable) -> bool:
        return self.get(key) is not None

    def add_all(self, other: SeenKeys) -> bool:
        """Note all that `other` has; False, and nothing is noted, if one of them isn't new."""
        if other._first is None or any(key in self for key in other._first):
            return False
        for key, beside in other._first.items():
            self.add(key, *beside)
        return True

    def _note(self, key: Hashable, beside: Beside) -> Beside | None:
        series, number = _numbered(key)
        run = self._run(series, number) if series is not None else None
        if run is not None:
            if number >= run.following and not (run.has_strays and _hash(key) in self._table):
                if self._in_runs >= self._most_in_runs:
                    self.left_out += 1
                    return None
                if run.append(number, beside):
                    self._in_runs += 1
                    return None
            elif (found := run.get(number)) is not None:
                return found
            run.has_strays = True
        hashed = _hash(key)
        if self._table.used >= self._most and hashed not in self._table:
            self.left_out += 1
            return None
        return self._table.add(hashed, beside)

    def _run(self, series: str, number: int) -> Run | None:
        run = self._runs.get(series)
        if run is None and len(self._runs) < _MOST_RUNS:
            run = self._runs[series] = Run(number, f"={self._columns}")
        return run


def _hash(key: Hashable) -> int:
    return hash(key) & _BITS or 1


def _numbered(key: Hashable) -> tuple[str | None, int]:
    """`FT A/12` as `FT A/` and 12, `C007` as `C00` and 7; no series where it has no number."""
    if not isinstance(key, str):
        return None, 0
    digits = key[len(key.rstrip(_DIGITS)) :].lstrip("0")
    if not digits or len(digits) > _MOST_DIGITS:
        return None, 0
    return key[: -len(digits)], int(digits)


class Run:
    """The numbers of a series as they rose: those without a gap are a part."""

    __slots__ = ("_offsets", "_starts", "following", "has_strays", "row", "rows")

    def __init__(self, number: int, row: str) -> None:
        self._starts, self._offsets = array("Q", (number,)), array("Q", (0,))
        self.row, self.rows = Struct(row), bytearray()
        self.following = number
        self.has_strays = False  # whether the table has numbers of this series, too

    def append(self, number: int, beside: Beside) -> bool:
        """Add a number that is not below `following`; False if there are too many gaps."""
        if number > self.following:
            if len(self._starts) == _MOST_PARTS:
                return False
            self._offsets.append(self._size())
            self._starts.append(number)
        self.rows += self.row.pack(*beside)
        self.following = number + 1
        return True

    def _size(self) -> int:
        return self._offsets[-1] + self.following - self._starts[-1]

    def get(self, number: int) -> Beside | None:
        """What is beside a number, None if it wasn't added."""
        part = bisect_right(self._starts, number) - 1
        if part < 0:
            return None
        at = self._offsets[part] + number - self._starts[part]
        ends = self._offsets[part + 1] if part + 1 < len(self._offsets) else self._size()
        return self.row.unpack_from(self.rows, at * self.row.size) if at < ends else None


class _Table:
    """A hash table with open addressing."""

    def __init__(self, codes: str) -> None:
        self._codes = codes
        self.used = 0
        self._resize(1 << 4)

    def _resize(self, size: int) -> None:
        self._mask = size - 1
        self._keys = array("Q", (_FREE,)) * size
        self._columns = [array(code, (0,)) * size for code in self._codes]

    def _slot(self, key: int) -> int:
        keys, mask = self._keys, self._mask
        slot = key & mask
        found = keys[slot]
        while found != _FREE and found != key:
            slot = (slot + 1) & mask
            found = keys[slot]
        return slot

    def __contains__(self, key: int) -> bool:
        return self._keys[self._slot(key)] == key

    def get(self, key: int) -> Beside | None:
        slot = self._slot(key)
        return self._at(slot) if self._keys[slot] == key else None

    def _at(self, slot: int) -> Beside:
        return tuple([column[slot] for column in self._columns])

    def add(self, key: int, beside: Beside) -> Beside | None:
        slot = self._slot(key)
        if self._keys[slot] == key:
            return self._at(slot)
        self._put(slot, key, beside)
        self.used += 1
        if self.used * 3 > self._mask * 2:
            self._grow()
        return None

    def _put(self, slot: int, key: int, beside: Beside) -> None:
        self._keys[slot] = key
        for column, number in zip(self._columns, beside, strict=True):
            column[slot] = number

    def _grow(self) -> None:
        keys, columns = self._keys, self._columns
        self._resize(2 * len(keys))
        for old, key in enumerate(keys):
            if key != _FREE:
                self._put(self._slot(key), key, tuple([column[old] for column in columns]))
