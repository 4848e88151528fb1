"""Where the API listens, and where it refuses to."""

from __future__ import annotations

import socket

import pytest

from saft_pipeline.settings import SettingsError, load
from saft_pipeline.web.server import (
    PortTakenError,
    is_loopback,
    listen,
    require_logins,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_the_loopback_is_this_machine_s(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test", ""])
def test_other_addresses_are_others(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_off_the_loopback_a_login_is_needed(host: str) -> None:
    with pytest.raises(SettingsError, match="API_TOKEN: missing"):
        require_logins(load({"API_HOST": host}))
    with pytest.raises(SettingsError, match="WEB_LOGIN: missing"):
        require_logins(load({"DAGSTER_HOST": host}))


def test_with_logins_all_may_listen_everywhere() -> None:
    given = {"API_HOST": "0.0.0.0", "API_TOKEN": "t", "DAGSTER_HOST": "::", "WEB_LOGIN": "a:b"}
    require_logins(load(given))


def test_a_taken_port_is_named_with_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}.*API_PORT"):
            listen("127.0.0.1", port, "API")


def test_a_host_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="API_HOST"):
        listen("no.such.host.invalid", 1, "API")
