"""When a handle may be given again, and when it would bring another file's bytes; closing."""

from __future__ import annotations

import pytest

from saft_pipeline.sftp import flight as flight_module
from saft_pipeline.sftp import wire
from saft_pipeline.sftp.errors import ServerAdaptedError
from saft_pipeline.sftp.flight import Bounds, Flight
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.wire import Handle, Request, Status

HANDLE = Handle(b"1")
OK, REFUSED = Status(wire.OK, ""), Status(wire.FAILURE, "")


@pytest.fixture
def flight() -> Flight[str]:
    return Flight(Bounds(10, 10), Quirks())


def sent(flight: Flight[str], *requests: Request) -> list[int]:
    for request in requests:
        flight.add(request, "a file")
    return [number for number, _ in flight.admit(0.0)]


def test_a_handle_given_for_what_was_opened_before_its_close_was_sent_is_shared(
    flight: Flight[str],
) -> None:
    first, second = sent(flight, wire.open_file(b"a"), wire.open_file(b"b"))
    flight.answered(first, HANDLE)
    sent(flight, wire.close(HANDLE))
    with pytest.raises(ServerAdaptedError, match="one handle for two"):
        flight.answered(second, HANDLE)


def test_a_handle_may_be_given_for_what_is_opened_after_its_close_was_sent(
    flight: Flight[str],
) -> None:
    (first,) = sent(flight, wire.open_file(b"a"))
    flight.answered(first, HANDLE)
    _, second = sent(flight, wire.close(HANDLE), wire.open_file(b"b"))
    flight.answered(second, HANDLE)


def test_of_handles_without_end_those_are_known_that_may_still_be_given(
    flight: Flight[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_module, "_MOST_CLOSED", 10)
    (early,) = sent(flight, wire.open_file(b"early"))
    for number in range(30):
        handle = Handle(b"h%d" % number)
        (opened,) = sent(flight, wire.open_file(b"a"))
        flight.answered(opened, handle)
        (closed,) = sent(flight, wire.close(handle))
        flight.answered(closed, OK)
    with pytest.raises(ServerAdaptedError):
        flight.answered(early, Handle(b"h0"))


def test_a_close_that_may_have_been_one_request_too_many_is_sent_once_more(
    flight: Flight[str],
) -> None:
    (opened,) = sent(flight, wire.open_file(b"a"))
    flight.answered(opened, HANDLE)
    closed, _ = sent(flight, wire.close(HANDLE), wire.stat(b"b"))
    flight.answered(closed, REFUSED)
    ((again, request),) = flight.admit(0.0)
    assert request == wire.close(HANDLE)
    flight.answered(again, REFUSED)
    assert list(flight.admit(0.0)) == []


def test_a_close_takes_no_place_where_it_is_never_answered() -> None:
    flight: Flight[str] = Flight(Bounds(1, 1), Quirks(answers_close=False))
    for path in (b"a", b"b", b"c"):
        (opened,) = sent(flight, wire.open_file(path))
        flight.answered(opened, HANDLE)
        sent(flight, wire.close(HANDLE))
    assert len(flight) == 0


def test_a_handle_that_comes_after_it_was_given_up_is_closed(flight: Flight[str]) -> None:
    late, after = sent(flight, wire.open_file(b"a"), wire.stat(b"b"))
    flight.answered(after, REFUSED)
    assert [asked.number for asked in flight.give_up(31.0, 30.0)] == [late]
    flight.answered(late, HANDLE)
    assert [request for _, request in flight.admit(31.0)] == [wire.close(HANDLE)]


def test_what_was_refused_while_too_much_was_asked_tells_nothing_of_fstat() -> None:
    quirks = Quirks(fstat=False)
    flight: Flight[str] = Flight(Bounds(10, 10), quirks)
    flight.settle(granted=3)
    assert quirks.fstat
