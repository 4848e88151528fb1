"""The warnings on a file, at most a hundred of a kind."""

from __future__ import annotations

from collections import Counter

from saft_pipeline.saft.records import FileWarning

_MOST = 100


class Warnings:
    """Collects warnings: dicts with `code`, `message` and `line` (or None)."""

    def __init__(self) -> None:
        self.kept: list[FileWarning] = []
        self.counts: Counter[str] = Counter()

    def add(self, code: str, message: str, line: int | None = None) -> None:
        """Note a warning, unless there are a hundred of its kind."""
        self.counts[code] += 1
        if self.counts[code] <= _MOST:
            self.kept.append({"code": code, "message": message, "line": line})

    def add_all(self, other: Warnings) -> None:
        """Note those of `other`, which isn't finished."""
        noted = Counter(warning["code"] for warning in other.kept)
        for warning in other.kept:
            self.add(**warning)
        self.counts.update(other.counts - noted)

    def finish(self) -> None:
        """Say of each kind how many there were beyond those noted."""
        for code, count in self.counts.items():
            if count > _MOST:
                message = f"and {count - _MOST} more of this kind"
                self.kept.append({"code": code, "message": message, "line": None})
