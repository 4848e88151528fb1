"""Where the API listens, and where it refuses to."""

from __future__ import annotations

import socket

import pytest

from saft_pipeline.settings import SettingsError, load
from saft_pipeline.web.server import PortTakenError, is_loopback, listen
from saft_pipeline_tests.fixtures.sshd import free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_the_loopback_is_this_machine_s(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test", ""])
def test_other_addresses_are_others(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_off_the_loopback_it_needs_a_token(host: str) -> None:
    with pytest.raises(SettingsError, match="API_TOKEN: missing"):
        listen(load({"API_HOST": host, "API_PORT": str(free_port())}))


def test_with_a_token_it_listens_everywhere() -> None:
    port = free_port()
    given = {"API_HOST": "0.0.0.0", "API_PORT": str(port), "API_TOKEN": "t"}
    with listen(load(given)) as sock:
        assert sock.getsockname() == ("0.0.0.0", port)


def test_a_taken_port_is_named_with_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}.*API_PORT"):
            listen(load({"API_PORT": str(port)}))


def test_a_host_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="API_HOST"):
        listen(load({"API_HOST": "no.such.host.invalid", "API_TOKEN": "t"}))
