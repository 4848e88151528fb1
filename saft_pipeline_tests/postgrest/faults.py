"""Faults on demand, as a network and a gateway have them: what a test plays to its client."""

from __future__ import annotations

import dataclasses
import threading

_PAGE = "<html><title>Bad Gateway</title></html>"


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens to one request; only to one whose path ends with `path`."""

    path: str
    loses_answer: bool = False
    status: int | None = None
    body: str = ""
    content_type: str = ""


class Faults:
    """The faults that are waiting for a request, each used once, first come first served."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def lose_answer(self, path: str = "") -> None:
        """The next request runs and is committed, but the connection breaks before an answer."""
        self._add(Fault(path, loses_answer=True))

    def answer(
        self, status: int, path: str = "", *, body: str = _PAGE, content_type: str = "text/html"
    ) -> None:
        """The next request isn't run, and gets what a gateway answers, usually a page."""
        self._add(Fault(path, status=status, body=body, content_type=content_type))

    @property
    def pending(self) -> int:
        """How many haven't met their request yet."""
        with self._lock:
            return len(self._waiting)

    def take(self, path: str) -> Fault:
        """The fault of a request to `path`, or one that does nothing."""
        with self._lock:
            for fault in self._waiting:
                if path.endswith(fault.path):
                    self._waiting.remove(fault)
                    return fault
        return Fault(path)

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)
