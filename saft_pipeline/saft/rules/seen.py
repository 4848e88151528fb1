"""What was seen before, by hash, in bounded memory: 8 bytes a key, and what is kept beside it.

A set of a million texts would take more than the whole reader may. Few keys are in a dict, which is
faster.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable

_FREE = 0
_FEW = 1 << 14
_BITS = (1 << 64) - 1


class Seen:
    """A hash table with open addressing; beyond `most` keys nothing is added any more.

    `columns` are the array type codes of the numbers that stand beside a key. Two keys of the same
    64 bits would be taken for one: for a million keys that is a chance of 3 in 100 million.
    """

    def __init__(self, most: int, columns: str = "") -> None:
        self._most = most
        self._codes = columns
        self._used = self.left_out = 0
        self._few: dict[int, tuple[int, ...]] | None = {}
        self._resize(1)

    def _resize(self, size: int) -> None:
        self._mask = size - 1
        self._keys = array("Q", (_FREE,)) * size
        self._columns = [array(code, (0,)) * size for code in self._codes]

    def _slot(self, key: int) -> int:
        keys, mask = self._keys, self._mask
        slot = key & mask
        while keys[slot] not in (_FREE, key):
            slot = (slot + 1) & mask
        return slot

    def add(self, value: Hashable, *beside: int) -> bool:
        """Note a value and the numbers beside it; False if it was seen before."""
        key = hash(value) & _BITS or 1
        few = self._few
        if few is None or len(few) == _FEW:
            return self._add(key, beside)
        if key in few:
            return False
        few[key] = beside
        return True

    def _add(self, key: int, beside: tuple[int, ...]) -> bool:
        if self._few is not None:
            few, self._few = self._few, None
            self._resize(4 * _FEW)
            self._used = len(few)
            for old, numbers in few.items():
                self._put(self._slot(old), old, numbers)
        slot = self._slot(key)
        if self._keys[slot] == key:
            return False
        if self._used >= self._most:
            self.left_out += 1
            return True
        self._put(slot, key, beside)
        self._used += 1
        if self._used * 3 > self._mask * 2:
            self._grow()
        return True

    def _put(self, slot: int, key: int, beside: tuple[int, ...]) -> None:
        self._keys[slot] = key
        for column, number in zip(self._columns, beside, strict=True):
            column[slot] = number

    def get(self, value: Hashable) -> tuple[int, ...] | None:
        """The numbers beside a value, None if it was not seen."""
        key = hash(value) & _BITS or 1
        if self._few is not None:
            return self._few.get(key)
        slot = self._slot(key)
        if self._keys[slot] != key:
            return None
        return tuple(column[slot] for column in self._columns)

    def _grow(self) -> None:
        keys, columns = self._keys, self._columns
        self._resize(2 * len(keys))
        for old, key in enumerate(keys):
            if key != _FREE:
                self._put(self._slot(key), key, tuple(column[old] for column in columns))
