"""Zips that a producer puts up, each member a file of its own to the ledger."""

from __future__ import annotations

import os
import random
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from saft_pipeline_tests.benchmarks.soaking.drafts import Draft, draft
from saft_pipeline_tests.benchmarks.soaking.folder import Folder, Remote

_MOST_MEMBERS = 4


class Zips:
    """The zips of one producer, below `root`."""

    def __init__(self, folder: Folder, root: Path, chance: random.Random, pool: int) -> None:
        self._folder, self._root, self._chance, self._pool = folder, root, chance, pool
        self._made: dict[Path, list[tuple[Remote, Draft]]] = {}
        self._times: set[int] = set()
        self._count = 0

    def work(self) -> str:
        """Put one up, or write one anew with other content, or delete one; says which."""
        path = self._chance.choice([*self._made]) if len(self._made) > 2 else None
        if path is None or self._chance.random() < 0.6:
            self._put(self._root / f"exports {self._count}.zip", self._new())
            return "new"
        if self._chance.random() < 0.7:
            self._put(path, [(r, plan.changed(self._chance)) for r, plan in self._made[path]])
            return "correct"
        path.unlink()
        for remote, _ in self._made.pop(path):
            remote.content, remote.state = None, "gone"
        return "delete"

    def _new(self) -> list[tuple[Remote, Draft]]:
        path = self._root / f"exports {self._count}.zip"
        members = range(self._chance.randint(1, _MOST_MEMBERS))
        remotes = [self._folder.add(path / f"sub/{n}.xml") for n in members]
        return [(remote, draft(self._chance, self._pool)) for remote in remotes]

    def _put(self, path: Path, members: Sequence[tuple[Remote, Draft]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._count += 1
        when, part = self._fresh_time(), path.with_name(path.name + ".part")
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, (remote, plan) in enumerate(members):
                content = plan.render(self._chance, f"{path.name} {self._count} {number}")
                archive.writestr(str(remote.path.relative_to(path)), content)
                self._folder.whole(content, good=True)
                self._folder.dated(remote.path, content, when)
                remote.content, remote.state = content, "loaded"
        os.utime(part, (when, when))
        part.rename(path)
        self._made[path] = [*members]

    def _fresh_time(self) -> int:
        """A time that no zip of this producer had."""
        when = int(time.time())
        while when in self._times:
            when += 1
        self._times.add(when)
        return when
