"""What producers ever put into the SFTP folder: the truth that the ledger is held against."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["loaded", "failed", "incomplete", "gone"]


def sha256(content: bytes) -> str:
    """As the ledger writes it."""
    return hashlib.sha256(content).hexdigest()


@dataclass
class Remote:
    """A path: what lies there now (None: nothing), and the state that it is to end in.

    `stamps` are the times (whole seconds) that it ever had: other bytes with the same can't be
    told apart by a listing without sizes.
    """

    path: Path
    content: bytes | None = None
    state: State = "gone"
    before: list[bytes] = field(default_factory=list)
    stamps: set[int] = field(default_factory=set)


class Folder:
    """All paths and all bytes that were ever whole; safe for threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.remotes: list[Remote] = []
        self.good: dict[str, bytes] = {}
        self.done: Counter[str] = Counter()
        self._bad: set[str] = set()
        self._dates: set[tuple[str, str, int]] = set()
        self._latest: dict[str, int] = {}
        self._shared: set[str] = set()
        self._guard = threading.Lock()

    def add(self, path: Path) -> Remote:
        """A path at which nothing lies yet."""
        remote = Remote(path)
        with self._guard:
            self.remotes.append(remote)
        return remote

    def count(self, what: str) -> None:
        """Note that a producer did something."""
        with self._guard:
            self.done[what] += 1

    def whole(self, content: bytes, *, good: bool) -> None:
        """Note bytes before the last of them is on the server."""
        with self._guard:
            if good:
                self.good[sha256(content)] = content
            else:
                self._bad.add(sha256(content))

    def dated(self, path: Path, content: bytes, modified_at: int) -> None:
        """Note a time (epoch seconds) at which a path shows these bytes."""
        digest = sha256(content)
        with self._guard:
            self._dates.add((self.name(path), digest, modified_at))
            self._latest[digest] = max(modified_at, self._latest.get(digest, 0))

    def latest(self, content: bytes) -> int:
        """The latest time that the bytes had anywhere; 0 if they never were there."""
        return self._latest.get(sha256(content), 0)

    def share(self, content: bytes) -> None:
        """Note that the bytes lie at two paths, from where on no time of theirs may change.

        Else which of them was seen first would be a matter of luck, and with it the order.
        """
        with self._guard:
            self._shared.add(sha256(content))

    def is_shared(self, content: bytes) -> bool:
        """Whether `share` was told of the bytes."""
        return sha256(content) in self._shared

    def name(self, path: Path) -> str:
        """A path as the ledger writes it."""
        return str(path.relative_to(self.root))

    def held(self, name: str, digest: str, modified_at: int) -> bool:
        """Whether a path ever showed these bytes with this time."""
        return (name, digest, modified_at) in self._dates

    def is_good(self, digest: str | None) -> bool:
        """Whether these are the bytes of a file without a fault that was put up whole."""
        return digest in self.good
