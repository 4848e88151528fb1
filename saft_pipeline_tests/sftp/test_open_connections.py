"""What waits for a server ends at once when the process is to end, and nothing is begun anew."""

import threading

import pytest

from saft_pipeline.sftp import connection
from saft_pipeline.sftp.client import SftpConfig, connect
from saft_pipeline.sftp.errors import TransientSftpError
from saft_pipeline.sftp.open_connections import OpenConnections
from saft_pipeline_tests.fixtures.sshd import Sshd


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> OpenConnections:
    connections = OpenConnections()
    monkeypatch.setattr(connection, "OPEN_CONNECTIONS", connections)
    return connections


def test_a_listing_under_way_ends_at_once_and_is_not_begun_anew(
    sshd: Sshd, config: SftpConfig, connections: OpenConnections
) -> None:
    met: list[Exception] = []
    with connect(config) as sftp:
        began = sftp._transport

        def wait() -> None:
            try:
                while True:
                    sftp.list(str(sshd.root))
            except TransientSftpError as error:
                met.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        connections.abort()
        waiting.join(20)
        assert met
        assert sftp._transport is began


def test_what_fails_since_is_not_worth_another_try(connections: OpenConnections) -> None:
    may_pass = connections.may_pass()
    lost = TransientSftpError("lost")
    assert may_pass(lost)
    connections.abort()
    assert not may_pass(lost)
    assert connections.may_pass()(lost)


def test_none_is_made_any_more(config: SftpConfig, connections: OpenConnections) -> None:
    connections.end()
    with pytest.raises(TransientSftpError, match="is ending"):
        connect(config)
