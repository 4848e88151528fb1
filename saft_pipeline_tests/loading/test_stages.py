"""Stages of work that go on at the same time over items in order."""

import threading
import time
from collections.abc import Callable

import pytest

from saft_pipeline.loading.stages import AHEAD, in_stages


def same(number: int) -> int:
    return number


def test_each_stage_has_what_the_one_before_made_in_order() -> None:
    done: list[int] = []
    in_stages([1, 2, 3], lambda n: n * 10, lambda n: n + 1, done.append)
    assert done == [11, 21, 31]


def test_all_stages_go_on_at_once() -> None:
    meeting = threading.Barrier(3)

    def meets(one: int) -> Callable[[int], int]:
        return lambda n: meeting.wait(30) * 0 + n if n == one else n

    # Item 3 is begun while 2 is in the second stage and 1 in the third.
    in_stages([1, 2, 3], meets(3), meets(2), meets(1))
    assert not meeting.broken


def test_no_more_than_so_many_are_on_their_way() -> None:
    begun: list[int] = []
    most: list[int] = []

    def last(number: int) -> None:
        time.sleep(0.02)
        most.append(len(begun) - number)

    def first(number: int) -> int:
        begun.append(number)
        return number

    in_stages(range(12), first, same, last)
    assert max(most) <= AHEAD


@pytest.mark.parametrize("where", [1, 2, 3])
def test_a_failure_is_told_whichever_stage_it_is_in(where: int) -> None:
    def fail(number: int) -> int:
        return 1 // (number - 1)

    work = [fail if stage == where else same for stage in (1, 2, 3)]
    with pytest.raises(ZeroDivisionError):
        in_stages([1, 2, 3], work[0], *work[1:])


def test_what_is_behind_a_failure_comes_no_further_and_what_is_before_goes_on() -> None:
    published: list[int] = []
    told: list[int] = []

    def publish(number: int) -> int:
        if number == 2:
            raise ZeroDivisionError
        published.append(number)
        return number

    def tell(number: int) -> None:
        time.sleep(0.05)
        told.append(number)

    with pytest.raises(ZeroDivisionError):
        in_stages(range(9), same, publish, tell)
    assert published == told == [0, 1]


def test_a_signal_is_not_kept_waiting_by_what_a_stage_waits_for() -> None:
    given_up = threading.Event()

    def first(number: int) -> int:
        if number == 2:
            raise KeyboardInterrupt
        return number

    met: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        in_stages([1, 2], first, lambda _: met.append(given_up.wait(30)), at_signal=given_up.set)
    assert met == [True]


def test_what_is_done_when_a_signal_comes_is_still_told() -> None:
    done, may_tell = threading.Event(), threading.Event()
    told: list[int] = []

    def first(number: int) -> int:
        if number == 1:
            done.wait(30)
            may_tell.set()
            raise KeyboardInterrupt
        return number

    def publish(number: int) -> int:
        done.set()
        return number

    def tell(number: int) -> None:
        may_tell.wait(30)
        told.append(number)

    with pytest.raises(KeyboardInterrupt):
        in_stages([0, 1], first, publish, tell)
    assert told == [0]
