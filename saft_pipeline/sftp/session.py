"""Many conversations with the server at once over one channel.

`Session` sends what they ask for, hands each answer to whom it belongs, and turns a lost
connection into one error that says what was under way.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from paramiko import SSHException

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.conversation import Answer, Conversation, Task, ask
from saft_pipeline.sftp.errors import (
    PermanentSftpError,
    ServerAdaptedError,
    SftpError,
    TooSlowError,
    TransientSftpError,
)
from saft_pipeline.sftp.flight import Bounds, Flight
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.traffic import LOSSES, TRAFFIC
from saft_pipeline.sftp.wire import Request, Status

_T = TypeVar("_T")

AT_ONCE = 64
_PATIENCE = 30.0
# Bytes a second, below which a server that ends nothing for half as long again as our patience is
# given up.
LEAST_SPEED = 1024
_RECEIVE = 1 << 18
_CUT = (OSError, EOFError, SSHException)
_LOSSES = (*_CUT, wire.GarbledError, ServerAdaptedError)


class OverdueError(SftpError):
    """A run was not over by its deadline."""


class ByteStream(Protocol):
    """The part of paramiko's Channel that is used; its timeout bounds send and recv."""

    def send(self, data: bytes, /) -> int:
        """Send some of the bytes."""

    def recv(self, size: int, /) -> bytes:
        """Receive some bytes, none at the end."""

    def settimeout(self, seconds: float, /) -> None:
        """Bound each send and recv."""


NextTask = Callable[[], Task[_T] | None]
Until = Callable[[], float]
"""When a run must be over, on the session's clock; asked at each wait, as it may be put off."""


@dataclass(eq=False)
class _Run(Generic[_T]):
    """The tasks of one call of `Session.run`: under way, and done but not yet handed out."""

    next_task: NextTask[_T]
    at_once: Callable[[], int]
    budget: int
    active: dict[Task[_T], "_Owner"] = field(default_factory=dict)
    done: deque[tuple[Task[_T], _T | None, Exception | None]] = field(default_factory=deque)
    held: Task[_T] | None = None
    weight: int = 0

    def next(self) -> Task[_T] | None:
        """Give the next task if there is room for it."""
        if len(self.active) + len(self.done) >= self.at_once():
            return None
        task, self.held = self.held or self.next_task(), None
        if task and self.weight and self.weight + task.weight > self.budget:
            self.held, task = task, None
        return task

    def begin(self, task: Task[_T]) -> "_Owner":
        self.weight += task.weight
        self.active[task] = owner = _Owner(self, task)
        return owner

    def end(self, task: Task[_T], value: _T | None, error: Exception | None) -> None:
        self.active.pop(task, None)
        self.done.append((task, value, error))

    def take(self) -> _T:
        task, value, error = self.done.popleft()
        self.weight -= task.weight
        if error:
            raise error
        return value  # type: ignore[return-value]  # a T whenever there is no error


@dataclass(eq=False)
class _Owner:
    """Whom an answer belongs to."""

    run: _Run[Any]
    task: Task[Any]


class _DripError(wire.GarbledError):
    """Too few bytes came for too long."""


class _Pace:
    """Whether the server gives anything worth waiting for."""

    def __init__(self, now: float, seconds: float) -> None:
        self._since, self._seconds, self._bytes = now, seconds, 0

    def begin(self, now: float) -> None:
        """Count from now on."""
        self._since, self._bytes = now, 0

    def came(self, count: int, now: float) -> None:
        """Note bytes that came. Raises _DripError if they were too few for too long."""
        self._bytes += count
        if now - self._since < self._seconds:
            return
        if self._bytes < LEAST_SPEED * self._seconds:
            raise _DripError(
                f"it gave only {self._bytes:,} bytes in {now - self._since:.0f} s and ended nothing"
            )
        self.begin(now)


class Session:
    """An SFTP session over an open channel. For one thread; runs may be nested in each other.

    `requests` counts what was asked. `limits` are the usual ones until the server's own are known,
    which is waited for nowhere. Every method raises TransientSftpError if the connection is lost;
    what it then yielded stays good.
    """

    def __init__(
        self,
        channel: ByteStream,
        peer: str,
        *,
        quirks: Quirks | None = None,
        bounds: Bounds | None = None,
        patience: float = _PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._peer = peer
        self._patience = patience
        self.clock = clock
        self._packets = wire.Packets()
        self._outgoing = bytearray()
        self._unsent = 0
        self.requests = 0
        self._lost: TransientSftpError | None = None
        self._pace = _Pace(clock(), 1.5 * patience)
        self.quirks = quirks or Quirks()
        self.flight: Flight[_Owner] = Flight(bounds or Bounds.of(AT_ONCE, self.quirks), self.quirks)
        self.limits = wire.USUAL_LIMITS
        self.was_closed = self.was_cut_early = False
        self.extensions = self._begin()
        if wire.LIMITS in self.extensions:
            run: _Run[None] = _Run(lambda: None, lambda: 1, 0)
            self._advance(run.begin(Task(self._learn_limits(), "asking for its limits")), None)

    def open_at_once(self) -> int:
        """Give how many files or folders to have open at once."""
        return self.flight.most_open

    def do(self, conversation: Conversation[_T], about: str, until: Until | None = None) -> _T:
        """Hold one conversation to its end. Raises TransientSftpError if that isn't by `until`."""
        tasks = iter([Task(conversation, about)])
        try:
            (value,) = self.run(lambda: next(tasks, None), at_once=lambda: 1, until=until)
        except OverdueError as error:
            raise TransientSftpError(f"{self._peer} took too long with {about}") from error
        return value

    def run(
        self,
        next_task: NextTask[_T],
        *,
        at_once: Callable[[], int],
        budget: int = 0,
        until: Until | None = None,
    ) -> Iterator[_T]:
        """Hold many conversations, giving what each returned as it ends, in any order.

        `next_task` gives None when it has none now; it is asked again while others go on. At most
        `at_once` are under way (a function, as it may be learnt on the way), their weights at most
        `budget` (or one). Raises OverdueError if it isn't over at `until`.
        """
        run = _Run(next_task, at_once, budget)
        self._pace.begin(self.clock())
        try:
            self._fill(run)
            while run.active or run.done:
                while not run.done:
                    self._pump(until)
                self._pace.begin(self.clock())
                yield run.take()
                self._fill(run)
        finally:
            self._abandon(run)
        with contextlib.suppress(TransientSftpError):  # all that was wanted has come
            self._flush()

    def _fill(self, run: _Run[Any]) -> None:
        while task := run.next():
            self._advance(run.begin(task), None)
        # Ask for more while what is done is worked on, but not in a packet for each.
        if self._unsent * 4 >= min(run.at_once(), self.flight.bounds.requests):
            self._flush()

    def _advance(self, owner: _Owner, answer: Answer | None) -> None:
        run, task = owner.run, owner.task
        try:
            requests = task.conversation.send(answer)  # type: ignore[arg-type]  # None begins it
            while self._ask(owner, requests):
                requests = next(task.conversation)
        except StopIteration as end:
            run.end(task, end.value, None)
        except Exception as error:  # raised where the run's results are taken
            run.end(task, None, error)

    def _ask(self, owner: _Owner, requests: Sequence[Request]) -> bool:
        """Send requests; tell whether they were only a CLOSE, so that the task goes on at once."""
        for request in requests:
            self.flight.add(request, None if request.kind == wire.CLOSE else owner)
        self._admit()
        return len(requests) == 1 and requests[0].kind == wire.CLOSE

    def _admit(self) -> None:
        for number, request in self.flight.admit(self.clock()):
            self._outgoing += wire.encode(number, request)
            self._unsent += 1
            self.requests += 1

    def _abandon(self, run: _Run[Any]) -> None:
        """Let tasks that nobody waits for any more clean up; their answers will be dropped."""
        self.flight.abandon(set(run.active.values()))
        self._admit()
        for task in run.active:
            task.conversation.close()
        for task, value, error in run.done:
            if task.discard and not error:
                task.discard(value)

    def _pump(self, until: Until | None) -> None:
        self._flush()
        with self._guarded():
            for packet in self._receive(until and until()):
                number, reply = wire.decode(packet)
                asked = self.flight.answered(number, reply)
                if asked.owner is not None:
                    self._advance(asked.owner, (asked.request, reply))
        self._admit()

    def _flush(self) -> None:
        with self._guarded():
            while self._outgoing:
                sent = self._channel.send(bytes(self._outgoing))
                if not sent:
                    raise EOFError
                del self._outgoing[:sent]
        self._unsent = 0

    def _receive(self, until: float | None = None) -> list[bytes]:
        """Give the packets that came; after a while in which none of use did, what that means."""
        now = self.clock()
        if until is not None and now >= until:
            raise OverdueError
        self._channel.settimeout(min(self._patience, (until or now + self._patience) - now))
        try:
            data = self._channel.recv(_RECEIVE)
        except TimeoutError:
            if self._give_up() or (until is not None and self.clock() >= until):
                return []
            raise
        if not data:
            raise EOFError
        self._pace.came(len(data), self.clock())
        self._give_up()
        return list(self._packets.feed(data))

    def _give_up(self) -> bool:
        """Tell those who ask what is never answered, while the connection is alive."""
        late = self.flight.give_up(self.clock(), self._patience)
        for asked in late:
            if asked.owner is not None:
                self._advance(asked.owner, (asked.request, Status(wire.UNANSWERED, "")))
        return bool(late)

    @contextlib.contextmanager
    def _guarded(self, losses: tuple[type[Exception], ...] = _LOSSES) -> Iterator[None]:
        if self._lost:
            raise self._lost
        try:
            yield
        except losses as error:
            self.was_closed = isinstance(error, EOFError | ConnectionError | SSHException)
            self.was_cut_early = self.requests - len(self.flight) < self.flight.bounds.requests
            kind = TooSlowError if isinstance(error, _DripError) else TransientSftpError
            kind = type(error) if isinstance(error, ServerAdaptedError) else kind
            self._lost = kind(
                f"the connection to {self._peer} was lost {self._activity()}: {_why(error)}; "
                "what was fetched before is good, the rest is taken again at the next poll"
            )
            TRAFFIC.add(LOSSES)
            raise self._lost from error

    def _activity(self) -> str:
        abouts = list(dict.fromkeys(owner.task.about for owner in self.flight.owners()))
        if not abouts:
            return "between two requests"
        return f"while {abouts[0]}" + (f" and {len(abouts) - 1} more" if abouts[1:] else "")

    def _begin(self) -> set[bytes]:
        self._outgoing += wire.init()
        self._flush()
        packets: list[bytes] = []
        try:
            with self._guarded(_CUT):
                while not packets:
                    packets = self._receive()
            return wire.decode_version(packets[0])
        except wire.GarbledError as error:
            raise PermanentSftpError(
                f"{self._peer} lets us in but doesn't speak SFTP ({error}): check that the SFTP "
                "subsystem is on for this user, and that no login script prints anything"
            ) from error

    def _learn_limits(self) -> Conversation[None]:
        self.limits = wire.decode_limits((yield from ask(wire.limits())))
        self.flight.handles = self.limits.handles


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within the timeout (SFTP_TIMEOUT_SECONDS)"
    if isinstance(error, EOFError):
        return "the server closed it"
    return str(error) or type(error).__name__
