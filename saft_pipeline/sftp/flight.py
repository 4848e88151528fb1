"""What is in flight: which requests may go now, what is open, and what the server refuses.

No more goes at once than `Bounds` allow; where the server refuses more, they are lowered.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.errors import ServerAdaptedError
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.wire import Handle, Reply, Request, Status

Owner = TypeVar("Owner")

REFUSALS = {
    wire.PERMISSION_DENIED,
    wire.FAILURE,
    wire.BAD_MESSAGE,
    wire.NO_CONNECTION,
    wire.CONNECTION_LOST,
}
"""What servers say to more than they allow at once, and to much else."""
_OPENS = {wire.OPEN, wire.OPENDIR}
_LOOKS = {wire.READ, wire.READDIR, wire.STAT, wire.LSTAT, wire.FSTAT}
# So many must have been refused and then granted with fewer at once: one alone may be chance.
_EVIDENCE = 3
_MOST_CLOSED = 4096
"""Handles whose last CLOSE is known; a server may give others without end."""


def is_refusal(reply: Reply) -> bool:
    """Tell whether an answer may only mean that too much was asked at once."""
    return isinstance(reply, Status) and reply.code in REFUSALS


@dataclass
class Bounds:
    """The most open files or folders, and the most requests, at once."""

    open_files: int
    requests: int

    @classmethod
    def of(cls, most: int, quirks: Quirks) -> "Bounds":
        """Give those of a server, at most `most`."""
        return cls(min(most, quirks.open_files or most), min(most, quirks.requests or most))


@dataclass(eq=False)
class Asked(Generic[Owner]):
    """A request, who asked it (nobody any more, if that was abandoned), and when it was sent.

    `number` is the one that it was sent under.
    """

    request: Request
    owner: Owner | None
    at: float = 0.0
    again: bool = False
    number: int = 0


class Flight(Generic[Owner]):
    """The requests of one session. `handles` is the server's own limit of open ones."""

    def __init__(self, bounds: Bounds, quirks: Quirks) -> None:
        self.bounds = bounds
        self.handles = wire.USUAL_LIMITS.handles
        self._sent = 0
        self._quirks = quirks
        self._queue: deque[Asked[Owner]] = deque()
        self._opens: deque[Asked[Owner]] = deque()
        self._asked: dict[int, Asked[Owner]] = {}
        self._given_up: set[int] = set()
        self._held: dict[bytes, Owner | None] = {}
        self._opening = self._closing = 0
        self._closed_by: dict[bytes, int] = {}
        self._newest = 0
        self._unclosed = 1 << 32  # the first CLOSE that was given up
        self._usual = bounds
        self._refused_open: int | None = None
        self._refused_look = False

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def most_open(self) -> int:
        """How many files or folders may be open now."""
        return max(1, min(self.bounds.open_files, self.handles))

    @property
    def _open(self) -> int:
        """How many are open, as far as answers tell."""
        return len(self._held) + self._closing

    def owners(self) -> Iterator[Owner]:
        """Give who waits for answers, oldest first."""
        yield from (asked.owner for asked in self._asked.values() if asked.owner is not None)

    def add(self, request: Request, owner: Owner | None) -> None:
        """Let a request go as soon as there is room."""
        queue = self._opens if request.kind in _OPENS else self._queue
        queue.append(Asked(request, owner))

    def admit(self, now: float) -> Iterator[tuple[int, Request]]:
        """Give the requests that go now, each under its number."""
        while len(self._asked) < self.bounds.requests:
            asked = self._next()
            if asked is None:
                return
            self._sent = (self._sent + 1) & 0xFFFFFFFF
            asked.at, asked.number = now, self._sent
            if self._is_waited_for(asked):
                self._asked[self._sent] = asked
            else:
                self._given_up.add(self._sent)
            yield self._sent, asked.request

    def _is_waited_for(self, asked: Asked[Owner]) -> bool:
        if asked.request.kind != wire.CLOSE:
            return True
        # To what is opened after it is sent the server may give the handle again.
        handle = wire.closed(asked.request).value
        self._held.pop(handle, None)
        self._closed_by[handle] = asked.number
        if len(self._closed_by) > _MOST_CLOSED:
            self._forget_closed()
        self._closing += self._quirks.answers_close
        return self._quirks.answers_close

    def _forget_closed(self) -> None:
        """Those that were closed before whatever is being opened was asked for."""
        opens = (a.number for a in self._asked.values() if a.request.kind in _OPENS)
        oldest = min(opens, default=self._sent)
        self._closed_by = {h: n for h, n in self._closed_by.items() if n > oldest}

    def _next(self) -> Asked[Owner] | None:
        if self._queue:
            return self._queue.popleft()
        if self._opens and self._open + self._opening < self.most_open:
            self._opening += 1
            return self._opens.popleft()
        return None

    def answered(self, number: int, reply: Reply) -> Asked[Owner]:
        """Note an answer; give what it answers.

        Raises GarbledError for one to nothing that was asked, ServerAdaptedError for a handle that
        is in use: what is read through it may be another file's.
        """
        asked = self._asked.pop(number, None)
        if asked is None:
            return self._answered_late(number, reply)
        self._newest = max(self._newest, number)
        if number > self._unclosed:
            self._quirks.answers_close = False
        return self._ended(asked, reply)

    def _ended(self, asked: Asked[Owner], reply: Reply) -> Asked[Owner]:
        if asked.request.kind in _OPENS:
            self._opened(asked, reply)
        elif asked.request.kind == wire.CLOSE:
            self._closed(asked, reply)
        elif is_refusal(reply) and self._asked and asked.request.kind in _LOOKS:
            self._refused_look = True
        return asked

    def _answered_late(self, number: int, reply: Reply) -> Asked[Owner]:
        if number not in self._given_up:
            raise wire.GarbledError(f"it answered request {number}, which was never sent")
        self._given_up.discard(number)
        if isinstance(reply, Handle):
            self.add(wire.close(reply), None)
        return Asked(wire.close(Handle(b"")), None)

    def _opened(self, asked: Asked[Owner], reply: Reply) -> None:
        self._opening -= 1
        if isinstance(reply, Handle):
            if reply.value in self._held or self._closed_by.get(reply.value, 0) > asked.number:
                self._quirks.one_handle_for_several = True
                self._quirks.open_files = 1
                raise ServerAdaptedError(
                    "the server gave one handle for two open files; starting again with one file "
                    "open at a time"
                )
            self._held[reply.value] = asked.owner
            if asked.owner is None:
                self.add(wire.close(reply), None)
        elif is_refusal(reply) and self._open:
            self._refused_open = min(self._open, self._refused_open or self._open)

    def _closed(self, asked: Asked[Owner], reply: Reply) -> None:
        self._closing -= 1
        if is_refusal(reply) and self._asked and not asked.again:
            # It may only have been one request too many.
            self._queue.append(Asked(asked.request, None, again=True))

    def give_up(self, now: float, patience: float) -> list[Asked[Owner]]:
        """Give the requests that wait too long, though later ones were answered, or closes."""
        late = []
        for number, asked in self._asked.items():
            if now - asked.at < patience:
                break
            if asked.request.kind == wire.CLOSE:
                self._unclosed = min(number, self._unclosed)
            elif number > self._newest:
                continue
            late.append(number)
        self._given_up.update(late)
        return [self._ended(self._asked.pop(n), Status(wire.UNANSWERED, "")) for n in late]

    def abandon(self, owners: set[Owner]) -> None:
        """Ask nothing more for them, drop the answers to come, close what they hold."""
        for queue in (self._queue, self._opens):
            kept = [a for a in queue if a.owner not in owners or a.request.kind == wire.CLOSE]
            queue.clear()
            queue.extend(kept)
        closing = {a.request for a in self._queue if a.request.kind == wire.CLOSE}
        for asked in self._asked.values():
            if asked.request.kind == wire.CLOSE:
                closing.add(asked.request)
            elif asked.owner in owners:
                asked.owner = None
        for value, owner in self._held.items():
            if owner in owners and wire.close(Handle(value)) not in closing:
                self.add(wire.close(Handle(value)), None)

    def lower(self) -> bool:
        """Lower the bounds below what was refused; tell whether that can have been the reason."""
        opened, looked = self._refused_open, self._refused_look
        self._refused_open, self._refused_look = None, False
        now, bounds = Bounds(self.most_open, self.bounds.requests), self.bounds
        if looked and now.requests > 1:
            now.requests = max(1, now.requests // 4)
        elif opened is not None:
            now.open_files = min(opened, max(1, now.open_files - 1))
        lowered = now.open_files < self.most_open or now.requests < bounds.requests
        self.bounds = now if lowered else bounds
        return lowered

    def cut(self) -> bool:
        """Halve the bounds after the server closed the connection; tell whether they can be."""
        now = Bounds(
            max(1, min(self.most_open, self._open + self._opening) // 2),
            max(1, min(self.bounds.requests, len(self._asked)) // 2),
        )
        can = len(self._asked) > 1
        if can:
            self.bounds = now
        return can

    def settle(self, granted: int) -> None:
        """End what `lower` began: so many were granted that had been refused with more at once."""
        if granted < _EVIDENCE:
            self.bounds = self._usual
            return
        self._quirks.fstat = True  # a refusal while too much was asked tells nothing of it
        if self.bounds.open_files < self._usual.open_files:
            self._quirks.open_files = self.bounds.open_files
        if self.bounds.requests < self._usual.requests:
            self._quirks.requests = self.bounds.requests
        self._usual = self.bounds
