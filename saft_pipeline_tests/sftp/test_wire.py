"""Packets: cut rightly from any pieces, and no bytes of a server's can do more than be refused."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.sftp import wire


@given(st.lists(st.binary(min_size=1, max_size=50)), st.integers(1, 20))
def test_packets_come_out_as_they_went_in_whatever_the_pieces(sent: list[bytes], step: int) -> None:
    stream = b"".join(struct.pack(">I", len(packet)) + packet for packet in sent)
    cutter = wire.Packets()
    pieces = (stream[start : start + step] for start in range(0, len(stream), step))
    assert [packet for piece in pieces for packet in cutter.feed(piece)] == sent


@pytest.mark.parametrize("length", [0, wire.MAX_PACKET + 1, 0xFFFFFFFF])
def test_a_packet_of_absurd_length_is_refused(length: int) -> None:
    with pytest.raises(wire.GarbledError, match=str(length)):
        list(wire.Packets().feed(struct.pack(">I", length)))


@given(st.sampled_from([101, 102, 103, 104, 105, 201]), st.binary(max_size=80))
def test_bytes_of_no_sense_raise_only_garbled(kind: int, body: bytes) -> None:
    with contextlib.suppress(wire.GarbledError):
        wire.decode(bytes([kind]) + body)


@given(st.binary(max_size=80))
def test_a_first_packet_of_no_sense_raises_only_garbled(packet: bytes) -> None:
    with contextlib.suppress(wire.GarbledError):
        wire.decode_version(packet)


def test_attributes_with_extensions_and_without_owner_are_read() -> None:
    extended = struct.pack(">I", 1) + struct.pack(">I1sI1s", 1, b"a", 1, b"b")
    body = struct.pack(">IQIII", 0x80000000 | 1 | 4 | 8, 7, 0o100644, 1, 2) + extended
    _, reply = wire.decode(bytes([wire.ATTRS]) + struct.pack(">I", 1) + body)
    assert reply == wire.Attributes(size=7, mode=0o100644, modified_at=2)


def test_a_status_without_message_is_read() -> None:
    packet = struct.pack(">BII", wire.STATUS, 5, wire.EOF)
    assert wire.decode(packet) == (5, wire.Status(wire.EOF, ""))
