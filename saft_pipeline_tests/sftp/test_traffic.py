"""What was asked of servers is counted, until somebody takes it."""

from __future__ import annotations

import pytest

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.client import connect
from saft_pipeline.sftp.conversation import ask
from saft_pipeline.sftp.errors import TransientSftpError
from saft_pipeline.sftp.model import SftpConfig
from saft_pipeline.sftp.session import Session
from saft_pipeline.sftp.traffic import TRAFFIC, Traffic
from saft_pipeline_tests.sftp.fake import FakeServer


@pytest.fixture(autouse=True)
def nothing_before() -> None:
    TRAFFIC.take()


def test_what_was_taken_is_not_given_again() -> None:
    traffic = Traffic()
    traffic.add("a", 2)
    traffic.add("a")
    assert [traffic.take(), traffic.take()] == [{"a": 3}, {}]


def test_a_session_s_requests_are_counted_once_when_it_ends(config: SftpConfig) -> None:
    with connect(config) as sftp:
        sftp.list(".")
        asked = sftp._session.requests
    sftp.close()
    assert TRAFFIC.take() == {"sftp_connections": 1, "sftp_requests": asked}
    assert asked > 2


def test_a_lost_connection_is_counted_once() -> None:
    server = FakeServer()
    session = Session(server, "test:22")
    server.out += b"no packet"
    for _ in range(2):
        with pytest.raises(TransientSftpError):
            session.do(ask(wire.stat(b"0")), "asking")
    assert TRAFFIC.take() == {"sftp_reconnects": 1}
