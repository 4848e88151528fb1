"""Which keys a document has shown already, and with what content: 16 bytes a key.

A dict of a million keys would take the memory that the whole reader may.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable

_FREE = 0


class Fingerprints:
    """A hash table with open addressing from 64-bit key hashes to 64-bit content hashes.

    Two keys of the same hash would be taken for one: for a million keys that is a chance of
    3 in 100 million.
    """

    def __init__(self) -> None:
        self._resize(1 << 4)
        self._used = 0

    def _resize(self, size: int) -> None:
        self._mask = size - 1
        self._keys = array("Q", (_FREE,)) * size
        self._contents = array("Q", (0,)) * size

    def _slot(self, key: int) -> int:
        slot = key & self._mask
        while self._keys[slot] not in (_FREE, key):
            slot = (slot + 1) & self._mask
        return slot

    def add(self, key: Hashable, content: Hashable = None) -> bool | None:
        """Note a key; None if it is new, else whether its content is the same as before."""
        self._make_room()
        return self._add(_hash(key) or 1, _hash(content))

    def _add(self, hashed: int, value: int) -> bool | None:
        slot = self._slot(hashed)
        if self._keys[slot] == hashed:
            return self._contents[slot] == value
        self._keys[slot], self._contents[slot] = hashed, value
        self._used += 1
        return None

    def __contains__(self, key: Hashable) -> bool:
        hashed = _hash(key) or 1
        return self._keys[self._slot(hashed)] == hashed

    def add_all(self, other: Fingerprints) -> bool:
        """Note all that `other` has; False, and nothing is noted, if one of them isn't new."""
        pairs = [(k, c) for k, c in zip(other._keys, other._contents, strict=True) if k != _FREE]
        if any(self._keys[self._slot(key)] == key for key, _ in pairs):
            return False
        for key, content in pairs:
            self._make_room()
            self._add(key, content)
        return True

    def _make_room(self) -> None:
        if self._used * 3 <= self._mask * 2:
            return
        keys, contents = self._keys, self._contents
        self._resize(2 * len(keys))
        for key, content in zip(keys, contents, strict=True):
            if key != _FREE:
                slot = self._slot(key)
                self._keys[slot], self._contents[slot] = key, content


def _hash(value: Hashable) -> int:
    return hash(value) & 0xFFFF_FFFF_FFFF_FFFF
