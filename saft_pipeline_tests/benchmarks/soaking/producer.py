"""A program that exports files into the SFTP folder, as badly as such programs do."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from saft_pipeline.loading.archives import is_gzipped
from saft_pipeline_tests.benchmarks.soaking.drafts import Draft, broken, draft, endless, large
from saft_pipeline_tests.benchmarks.soaking.folder import Folder, Remote, State
from saft_pipeline_tests.benchmarks.soaking.zips import Zips

_NAMES = (
    "FR{n}Y2025_{n}-{b}.xml", "FR{n}Y2025_{n}-{b}.xml.gz",
    "it's {n} {b}.XML", '"{n}" {b}.xml', "-{n}.xml", "ção {n}.xml",
)  # fmt: skip
_NAME_WEIGHTS = (70, 10, 5, 5, 5, 5)
_ZIPPED = 0.05  # of what is put up
_PARTS = (".part", ".tmp", ".filepart")
_LARGE_EVERY = 300  # files
_BAD: dict[State, Callable[[bytes], bytes]] = {"failed": broken, "incomplete": endless}
_LONGEST_PAUSE = 2.0  # seconds between two pieces of a file
_DAY = 86_400
_RECENT = 40


class Producer:
    """Puts up `files` files over `seconds`, `burst` at a time, and changes what it has put up."""

    def __init__(
        self, folder: Folder, number: int, files: int, seconds: float, pool: int, burst: int = 1
    ) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"producer-{number}", daemon=True)
        self._folder, self._number, self._files, self._seconds = folder, number, files, seconds
        self._pool, self._burst = pool, burst
        self._chance = random.Random(number)
        self._mine: list[tuple[Remote, Draft]] = []
        self._marks = 0
        self._actions = (
            (40, self._correct), (15, self._redate), (12, self._rename), (10, self._copy),
            (13, self._delete), (10, self._revert),
        )  # fmt: skip
        self._zips = Zips(folder, folder.root / str(number), self._chance, pool)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    @property
    def is_at_work(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            began = time.monotonic()
            for n in range(self._files):
                due = began + (n - n % self._burst) * self._seconds / self._files
                time.sleep(max(0.0, due - time.monotonic()))
                self._add(n)
                if self._chance.random() < 0.5:
                    self._change()
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        """Wait for the end; raises what went wrong, which is a fault of the benchmark."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _add(self, n: int) -> None:
        if self._chance.random() < _ZIPPED:
            self._folder.count(f"zip {self._zips.work()}")
            return
        is_large = n % _LARGE_EVERY == _LARGE_EVERY // 2
        plan = (
            large(self._chance, 1000 * self._number + n)
            if is_large
            else draft(self._chance, self._pool)
        )
        remote = self._folder.add(self._fresh_path(plan.branch.name))
        self._mine.append((remote, plan))
        kind = self._chance.choices(["loaded", *_BAD], [92, 4, 4])[0]
        self._put(remote, plan, kind)
        self._folder.count("new")

    def _fresh_path(self, branch: str, like: Remote | None = None) -> Path:
        """A path of no file yet; of one that is moved or copied, as well packed as it was."""
        self._marks += 1
        (form,) = self._chance.choices(_NAMES, _NAME_WEIGHTS)
        if like:
            form = _NAMES[is_gzipped(like.path.name)]
        path = self._folder.root / f"{self._number}" / branch
        path.mkdir(parents=True, exist_ok=True)
        return path / form.format(n=self._marks, b=branch)

    def _change(self) -> None:
        recent = self._mine[-_RECENT:] if self._chance.random() < 0.8 else self._mine
        remote, plan = self._chance.choice(recent)
        weights, actions = zip(*self._actions, strict=True)
        (action,) = self._chance.choices(actions, weights)
        if action(remote, plan):
            self._folder.count(action.__name__.strip("_"))

    def _correct(self, remote: Remote, plan: Draft) -> bool:
        """Other content at the same path, whatever lies there, or nothing."""
        self._put(remote, plan.changed(self._chance), "loaded")
        return True

    def _redate(self, remote: Remote, plan: Draft) -> bool:
        """The same bytes at the same path, of a later time."""
        if remote.content is None or self._folder.is_shared(remote.content):
            return False
        later = self._chance.choice((1, 60, _DAY))
        self._set_time(remote, remote.content, self._folder.latest(remote.content) + later)
        return True

    def _rename(self, remote: Remote, plan: Draft) -> bool:
        """The same bytes at another path only, with their time."""
        if remote.content is None:
            return False
        moved = self._folder.add(self._fresh_path(plan.branch.name, like=remote))
        when = int(remote.path.stat().st_mtime)
        self._folder.dated(moved.path, remote.content, when)
        moved.content, moved.state = remote.content, remote.state
        moved.stamps.add(when)
        remote.path.rename(moved.path)
        remote.content, remote.state = None, "gone"
        self._mine.append((moved, plan))
        return True

    def _copy(self, remote: Remote, plan: Draft) -> bool:
        """The same bytes at another path, too, with their time."""
        if remote.content is None:
            return False
        self._folder.share(remote.content)
        twin = self._folder.add(self._fresh_path(plan.branch.name, like=remote))
        when = int(remote.path.stat().st_mtime)
        self._by_rename(twin, remote.content, remote.state, when)
        self._mine.append((twin, plan))
        return True

    def _delete(self, remote: Remote, plan: Draft) -> bool:
        if remote.content is None:
            return False
        remote.path.unlink()
        remote.content, remote.state = None, "gone"
        return True

    def _revert(self, remote: Remote, plan: Draft) -> bool:
        """What lay there some time ago again."""
        older = [c for c in remote.before if c != remote.content and not self._folder.is_shared(c)]
        if not older:
            return False
        content = self._chance.choice(older)
        when = max(int(time.time()), self._folder.latest(content))
        self._by_rename(remote, content, "loaded", when)
        return True

    def _put(self, remote: Remote, plan: Draft, state: State) -> None:
        self._marks += 1
        content = plan.render(self._chance, f"{self._number}.{self._marks}")
        content = _BAD.get(state, bytes)(content)
        if is_gzipped(remote.path.name):
            content = gzip.compress(content)
        if self._chance.random() < 0.4 and not is_gzipped(remote.path.name):
            self._in_place(remote, content, state)
        else:
            ages = self._chance.choices((0, -30 * _DAY, _DAY), (70, 20, 10))[0]
            when = int(time.time()) + (self._chance.randrange(abs(ages)) if ages > 0 else ages)
            self._by_rename(remote, content, state, when)

    def _in_place(self, remote: Remote, content: bytes, state: State) -> None:
        """Write in pieces where it will lie, so that halves of it are seen."""
        ends = sorted(self._chance.sample(range(1, len(content)), self._chance.randint(1, 3)))
        with remote.path.open("wb") as file:
            for start, end in zip([0, *ends], ends, strict=False):
                file.write(content[start:end])
                file.flush()
                time.sleep(self._chance.uniform(0, _LONGEST_PAUSE / self._burst))
            self._note(remote, content, state)
            file.write(content[ends[-1] :])
        self._folder.dated(remote.path, content, int(remote.path.stat().st_mtime))
        self._set_time(remote, content, int(remote.path.stat().st_mtime))

    def _by_rename(self, remote: Remote, content: bytes, state: State, when: int) -> None:
        """Write under a name that is left alone, then give it its own."""
        part = remote.path.with_name(remote.path.name + self._chance.choice(_PARTS))
        part.write_bytes(content)
        when = self._distinct(remote, when)
        os.utime(part, (when, when))
        self._note(remote, content, state)
        self._folder.dated(remote.path, content, when)
        part.rename(remote.path)

    def _note(self, remote: Remote, content: bytes, state: State) -> None:
        if state != "incomplete":
            self._folder.whole(content, good=state == "loaded")
        if remote.content and remote.state == "loaded":
            remote.before.append(remote.content)
        remote.content, remote.state = content, state

    def _set_time(self, remote: Remote, content: bytes, when: int) -> None:
        when = self._distinct(remote, when)
        self._folder.dated(remote.path, content, when)
        os.utime(remote.path, (when, when))

    @staticmethod
    def _distinct(remote: Remote, when: int) -> int:
        """The first time from `when` on that differs from all that a listing may have shown."""
        while when in remote.stamps:
            when += 1
        remote.stamps.add(when)
        return when
