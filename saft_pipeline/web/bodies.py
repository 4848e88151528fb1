"""The body of a request, taken whole before anybody works on it: bounded in bytes and in time."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

from saft_pipeline.web.errors import ApiError

MOST = 64 << 10
"""Bytes; the API takes no files."""
_WITHIN = 10.0


async def whole(receive: Receive, most: int) -> Receive:
    """The same request with its body read.

    Raises:
        ApiError: it has more than `most` bytes, or is not whole after 10 s.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(_WITHIN):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ApiError(408, "body_too_slow", "the connection ended before the body")
                body += message.get("body", b"")
                if len(body) > most:
                    raise ApiError(413, "body_too_large", f"at most {most:,} bytes")
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise ApiError(408, "body_too_slow", f"not whole after {_WITHIN:.0f} s") from None
    return _replayed(bytes(body), receive)


def _replayed(body: bytes, rest: Receive) -> Receive:
    """The body in one piece, then what else comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else await rest()

    return receive
