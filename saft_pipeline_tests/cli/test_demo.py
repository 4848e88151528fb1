"""`saft demo` waits for its samples as long as there is news of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from saft_pipeline_tests.fixtures.project import Command


class Clock:
    """Time that goes on only where somebody sleeps: a minute each time."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += 60


def demo_of(settled: Callable[[int], int], looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of which so many samples are settled at each look, and all at the last."""
    count = iter(range(looks + 1))

    def look() -> SimpleNamespace:
        at = next(count)
        files = [
            SimpleNamespace(id=n, status="failed", path=f"{n}.xml", error="")
            for n in range(settled(at))
        ]
        summary = dict.fromkeys(("loaded", "failed", "incomplete", "invoices", "lines"), 0)
        return SimpleNamespace(
            settled=at == looks, files=files, summary=summary, companies=(), surprises=()
        )

    @contextmanager
    def running(*_: object, **__: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(look=look, logs=Path("logs"))

    monkeypatch.setattr("saft_pipeline.demo.run.running_demo", running)
    monkeypatch.setattr("saft_pipeline.cli.demo.time", Clock())


def test_many_samples_may_take_their_time(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    demo_of(lambda look: look // 2, 20, monkeypatch)
    assert saft("demo", "--exit", "--json").status == 0


def test_samples_of_which_nothing_is_heard_are_given_up(
    saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_of(lambda _: 1, 20, monkeypatch)
    done = saft("demo", "--exit", "--json")
    assert (done.status, "no sample was settled for 170 s; see the logs in logs" in done.err) == (
        2,
        True,
    )
