"""Two parts of the work, one of which goes on while the next of the other is begun."""

import threading
from types import SimpleNamespace

import pytest

from saft_pipeline.loading import loader as loader_module
from saft_pipeline.loading.loader import overlapped


def test_overlapped_work_is_done_in_order() -> None:
    done: list[int] = []
    overlapped([1, 2, 3], lambda n: n * 10, done.append)
    assert done == [10, 20, 30]


def test_the_next_is_begun_while_one_is_finished() -> None:
    begun = threading.Event()

    def first(number: int) -> int:
        if number == 2:
            begun.set()
        return number

    met: list[bool] = []
    overlapped([1, 2], first, lambda _: met.append(begun.wait(30)))
    assert met == [True, True]


def test_a_failure_of_the_second_part_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        overlapped([1, 2, 3], lambda n: n, lambda n: 1 // (n - 1))


def test_a_signal_is_not_kept_waiting_by_a_server_that_the_second_part_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_up = threading.Event()
    connections = SimpleNamespace(abort=given_up.set)
    monkeypatch.setattr(loader_module, "OPEN_CONNECTIONS", connections)

    def first(number: int) -> int:
        if number == 2:
            raise KeyboardInterrupt
        return number

    met: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        overlapped([1, 2], first, lambda _: met.append(given_up.wait(30)))
    assert met == [True]
