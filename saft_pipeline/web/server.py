"""The API as a process: where it listens, and that it does not without a token off the loopback."""

from __future__ import annotations

import ipaddress
import socket

import uvicorn

from saft_pipeline.settings import Settings, SettingsError
from saft_pipeline.web.app import build
from saft_pipeline.web.services import services


class PortTakenError(Exception):
    """Somebody else listens where the API should; the message says what to do."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_token(settings: Settings) -> None:
    """Raise SettingsError if the API is to listen off the loopback without `API_TOKEN`."""
    if not (settings.api_token or is_loopback(settings.api_host)):
        raise SettingsError(
            "API_TOKEN: missing; without one the API listens on the loopback only, not on "
            f"{settings.api_host} (make one: openssl rand -hex 32)"
        )


def listen(settings: Settings) -> socket.socket:
    """The socket of `API_HOST` and `API_PORT`.

    Raises:
        SettingsError: off the loopback without `API_TOKEN`, or no address of this machine.
        PortTakenError: another process listens there.
    """
    require_token(settings)
    host, port = settings.api_host, settings.api_port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except socket.gaierror as error:
        raise SettingsError(f"API_HOST: {host} is not found: {error.strerror}") from None
    except OSError as error:
        raise PortTakenError(
            f"the API can't listen on {host}:{port}: {error.strerror}; stop what listens there, or "
            "set API_HOST or API_PORT"
        ) from None


def serve(settings: Settings, sock: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; requests under way are finished within 10 s."""
    with services(settings) as opened:
        config = uvicorn.Config(
            build(opened),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        uvicorn.Server(config).run(sockets=[sock])
