"""When a handle may be given again, and when it would bring another file's bytes."""

from __future__ import annotations

import pytest

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.errors import ServerAdaptedError
from saft_pipeline.sftp.flight import Bounds, Flight
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.wire import Handle, Request

HANDLE = Handle(b"1")


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
    flight: Flight[str],
) -> None:
    (early,) = sent(flight, wire.open_file(b"early"))
    for number in range(10_000):
        handle = Handle(b"h%d" % number)
        (opened,) = sent(flight, wire.open_file(b"a"))
        flight.answered(opened, handle)
        (closed,) = sent(flight, wire.close(handle))
        flight.answered(closed, wire.Status(wire.OK, ""))
    with pytest.raises(ServerAdaptedError):
        flight.answered(early, Handle(b"h0"))
