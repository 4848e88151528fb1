"""Clients that send half a request and stay: they are let go, and others are answered meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from saft_pipeline.web import patience
from saft_pipeline.web.patience import PatientProtocol, PatientServer
from saft_pipeline_tests.fixtures import in_thread
from saft_pipeline_tests.fixtures.tls import self_signed

SOON = 0.3
HALF = [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: "]


async def answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse("answered")


async def repeat(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


@contextlib.contextmanager
def running(**given: Any) -> Iterator[int]:
    app = Starlette(routes=[Route("/", answer), WebSocketRoute("/ws", repeat)])
    config = uvicorn.Config(app, http=PatientProtocol, log_config=None, **given)
    with in_thread.listening(PatientServer(config)) as port:
        yield port


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(patience, "HEADERS_WITHIN", SOON)
    with running() as port:
        yield port


def is_let_go(client: socket.socket) -> bool:
    client.settimeout(20)
    with contextlib.suppress(ConnectionResetError):
        return client.recv(1) == b""
    return True


@pytest.mark.parametrize("sent", HALF)
def test_half_a_request_ends(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        assert is_let_go(client)


@pytest.fixture
def tls_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    monkeypatch.setattr(patience, "HEADERS_WITHIN", SOON)
    certificate = self_signed(tmp_path)
    with running(
        ssl_certfile=str(certificate.certificate), ssl_keyfile=str(certificate.key)
    ) as port:
        yield port


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02"])
def test_half_a_handshake_ends(tls_port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", tls_port)) as client:
        client.sendall(sent)
        assert is_let_go(client)


def test_half_a_second_request_ends(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answered = b""
        while not answered.endswith(b"answered"):
            answered += client.recv(4096)
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert is_let_go(client)


def test_many_that_wait_keep_nobody_from_an_answer(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for sent in HALF * 30:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(sent)
        assert httpx.get(f"http://127.0.0.1:{port}/").text == "answered"


def test_a_websocket_may_be_silent(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        threading.Event().wait(2 * SOON)
        client.send("still here")
        assert client.recv() == "still here"


def test_too_many_are_let_go_at_once(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADERS_WITHIN", 60)
    monkeypatch.setattr(patience, "MOST_CONNECTIONS", 2)
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(3)
        ]
        assert is_let_go(clients[-1])
