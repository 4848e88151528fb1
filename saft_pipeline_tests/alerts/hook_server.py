"""An HTTP server that takes what webhooks are sent, and answers as it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from saft_pipeline_tests.fixtures import in_thread


@dataclass
class Hook:
    """What was posted, and what is answered."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    posted: list[Any] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The messages."""
        return [body["text"] for body in self.posted]


@contextmanager
def hook_server() -> Iterator[Hook]:
    """A server on a free port."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.status < 300:
                hook.posted.append(json.loads(body))
            self.send_response(hook.status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with in_thread.answering(server) as port:
        hook.url = f"http://127.0.0.1:{port}/services/s3cret"
        yield hook
