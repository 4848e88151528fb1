"""Pieces of a file: whatever order and length they come in, the file comes out."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.sftp.pieces import IN_MEMORY, WINDOW, Ranges, Sink
from saft_pipeline_tests.fixtures.full_disk import room_for


@given(st.binary(max_size=60_000), st.integers(1, 20_000), st.randoms(use_true_random=False))
def test_every_byte_comes_once_whatever_the_order_and_length_of_answers(
    content: bytes,
    longest: int,
    random: "st.random_module",  # type: ignore[valid-type]
) -> None:
    ranges, sink = Ranges(len(content), 8192), Sink(Path("unused"))
    in_flight = ranges.take(0, 0)
    while in_flight:
        start, length = in_flight.pop(random.randrange(len(in_flight)))  # type: ignore[attr-defined]
        got = min(length, longest)
        sink.add(start, memoryview(content)[start : start + got])
        ranges.came(start, length, got)
        in_flight += ranges.take(len(in_flight), sink.position)
    assert sink.finish() == (hashlib.sha256(content).hexdigest(), content)


def test_no_more_than_a_window_is_asked_for_at_once() -> None:
    assert sum(length for _, length in Ranges(10**12, 32768).take(0, 0)) == WINDOW


def test_after_a_short_answer_less_is_asked_for() -> None:
    ranges = Ranges(10**9, 256_000)
    ranges.take(0, 0)
    ranges.came(0, 256_000, 32_768)
    assert ranges.take(0, 32_768)[1][1] == 32_768


def test_pieces_never_become_so_small_that_a_file_is_millions_of_requests() -> None:
    ranges = Ranges(10**9, 32_768)
    ranges.take(0, 0)
    ranges.came(0, 32_768, 1)
    assert len(ranges.take(0, 1)) <= WINDOW // 4096


def test_what_waits_in_memory_for_a_piece_that_never_comes_is_bounded() -> None:
    ranges = Ranges(10**12, 32_768)
    _first, *others = ranges.take(0, 0)
    asked = 32_768
    while others:
        start, length = others.pop()
        ranges.came(start, length, length)
        asked += length
        others += ranges.take(len(others) + 1, position=0)
    assert asked == 2 * WINDOW


def test_a_large_file_is_put_into_the_spill_folder(tmp_path: Path) -> None:
    sink = Sink(tmp_path)
    sink.add(0, memoryview(b"x" * (IN_MEMORY + 1)))
    _, path = sink.finish()
    sink.close()
    assert isinstance(path, Path)
    assert path.read_bytes() == b"x" * (IN_MEMORY + 1)


def test_an_abandoned_large_file_leaves_nothing_behind(tmp_path: Path) -> None:
    sink = Sink(tmp_path)
    sink.add(0, memoryview(b"x"))
    sink.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY])
def test_a_small_file_stays_in_memory(size: int, tmp_path: Path) -> None:
    sink = Sink(tmp_path)
    sink.add(0, memoryview(b"x" * size))
    assert sink.finish()[1] == b"x" * size


def test_of_what_a_full_disk_does_not_hold_nothing_stays(tmp_path: Path) -> None:
    sink = Sink(tmp_path)
    sink.add(0, memoryview(bytes(IN_MEMORY)))
    with room_for(IN_MEMORY):
        sink.add(IN_MEMORY, memoryview(b"x"))
        sink.close()
    assert not list(tmp_path.iterdir())
