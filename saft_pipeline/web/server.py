"""Our servers as processes: where they listen, off the loopback only with a login, and how."""

from __future__ import annotations

import ipaddress
import socket

import uvicorn
from starlette.types import ASGIApp

from saft_pipeline.settings import Settings, SettingsError
from saft_pipeline.settings.addresses import EVERYWHERE, in_url
from saft_pipeline.web.patience import PatientProtocol, PatientServer, allow_connections


class PortTakenError(Exception):
    """Somebody else listens where a server of ours should; the message says what to do."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_logins(settings: Settings) -> None:
    """Raise SettingsError if something is to listen off the loopback without a login."""
    if not (settings.api_token or is_loopback(settings.api_host)):
        raise SettingsError(
            "API_TOKEN: missing; without one the API listens on the loopback only, not on "
            f"{settings.api_host} (make one: openssl rand -hex 32)"
        )
    if not (settings.web_login or is_loopback(settings.dagster_host)):
        raise SettingsError(
            "WEB_LOGIN: missing; without one Dagster's page listens on the loopback only, not on "
            f"{settings.dagster_host} (set it to user:password)"
        )


def names(settings: Settings) -> list[str]:
    """By which names beside the loopback's the pages are asked for."""
    hosts = {settings.api_host, settings.dagster_host}.difference(EVERYWHERE)
    return [*settings.web_hosts, *map(in_url, hosts)]


def listen(host: str, port: int, name: str) -> socket.socket:
    """The socket of `NAME_HOST` and `NAME_PORT`.

    Raises:
        SettingsError: no address of this machine.
        PortTakenError: another process listens there.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except socket.gaierror as error:
        raise SettingsError(f"{name}_HOST: {host} is not found: {error.strerror}") from None
    except OSError as error:
        raise PortTakenError(
            f"can't listen on {host}:{port}: {error.strerror}; stop what listens there, or "
            f"set {name}_HOST or {name}_PORT"
        ) from None


def serve(app: ASGIApp, settings: Settings, sock: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; requests under way are finished within 10 s.

    Raises:
        SettingsError: certificate and key can't be used.
    """
    allow_connections()
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        ssl_certfile=settings.tls_cert_path,
        ssl_keyfile=settings.tls_key_path,
    )
    try:
        config.load()
    except OSError as error:
        raise SettingsError(f"TLS_CERT_PATH, TLS_KEY_PATH: {error}") from None
    PatientServer(config).run(sockets=[sock])
