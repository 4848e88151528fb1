"""Many conversations with the server at once over one channel.

A conversation is a generator that yields requests and is sent the answers one by one (those to
CLOSE excepted, on which nothing depends); it never does I/O, so it can be tested without a server.
`Session` sends what they ask for, hands each answer to whom it belongs, and turns a lost
connection into one error that says what was under way.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from paramiko import SSHException

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.errors import PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.traffic import LOSSES, TRAFFIC
from saft_pipeline.sftp.wire import Handle, Reply, Request

T = TypeVar("T")

Answer = tuple[Request, Reply]
Conversation = Generator[Sequence[Request], Answer, T]

# Most conversations at once; more would not be faster.
AT_ONCE = 256
_RECEIVE = 1 << 18
_CUT = (OSError, EOFError, SSHException)
_LOSSES = (*_CUT, wire.GarbledError)


class Channel(Protocol):
    """The part of paramiko's Channel that is used; its timeout bounds send and recv."""

    def send(self, data: bytes, /) -> int:
        """Send some of the bytes."""

    def recv(self, size: int, /) -> bytes:
        """Receive some bytes, none at the end."""


@dataclass(eq=False)
class Task(Generic[T]):
    """A conversation, what it does as messages name it, and the memory it may take in bytes.

    `discard` is called with a result that nobody took.
    """

    conversation: Conversation[T]
    about: str
    weight: int = 0
    discard: Callable[[T], None] | None = None


NextTask = Callable[[], Task[T] | None]


@dataclass(eq=False)
class _Run(Generic[T]):
    """The tasks of one call of `Session.run`: under way, and done but not yet handed out."""

    next_task: NextTask[T]
    at_once: Callable[[], int]
    budget: int
    active: set[Task[T]] = field(default_factory=set)
    done: deque[tuple[Task[T], T | None, Exception | None]] = field(default_factory=deque)
    held: Task[T] | None = None
    weight: int = 0

    def next(self) -> Task[T] | None:
        """Give the next task if there is room for it."""
        if len(self.active) + len(self.done) >= self.at_once():
            return None
        task, self.held = self.held or self.next_task(), None
        if task and self.weight and self.weight + task.weight > self.budget:
            self.held, task = task, None
        return task

    def begin(self, task: Task[T]) -> None:
        self.active.add(task)
        self.weight += task.weight

    def end(self, task: Task[T], value: T | None, error: Exception | None) -> None:
        self.active.discard(task)
        self.done.append((task, value, error))

    def take(self) -> T:
        task, value, error = self.done.popleft()
        self.weight -= task.weight
        if error:
            raise error
        return value  # type: ignore[return-value]  # a T whenever there is no error


def ask(request: Request) -> Conversation[Reply]:
    """Hold a conversation of one request."""
    _, reply = yield [request]
    return reply


def leave(handle: Handle) -> Conversation[None]:
    """Close a file or folder without waiting for the answer."""
    yield [wire.close(handle)]


def ask_each(requests: Sequence[Request], at_once: int) -> Conversation[list[Reply]]:
    """Send all requests, `at_once` in flight; give the replies in the order of the requests."""
    replies: dict[Request, Reply] = {}
    batch = requests[:at_once]
    for sent in range(len(batch), len(requests) + len(batch)):
        request, reply = yield batch
        replies[request] = reply
        batch = requests[sent : sent + 1]
    return [replies[request] for request in requests]


class Session:
    """An SFTP session over an open channel. For one thread; runs may be nested in each other.

    `limits` are the usual ones until the server's own are known, which is waited for nowhere. Every
    method raises TransientSftpError if the connection is lost; what it then yielded stays good.
    """

    def __init__(self, channel: Channel, peer: str) -> None:
        self._channel = channel
        self._peer = peer
        self._packets = wire.Packets()
        self._outgoing = bytearray()
        self._unsent = 0
        self._waiting: dict[int, tuple[_Run[Any], Task[Any], Request]] = {}
        self._number = 0
        self._lost: TransientSftpError | None = None
        self.limits = wire.USUAL_LIMITS
        self.extensions = self._begin()
        if wire.LIMITS in self.extensions:
            learning = Task(self._learn_limits(), "asking for its limits")
            self._advance(_Run(lambda: None, lambda: 1, 0), learning, None)

    @property
    def requests(self) -> int:
        """How many were asked so far."""
        return self._number

    def open_at_once(self) -> int:
        """Give how many files or folders to have open at once.

        Half of what the server allows: it may close one a little later than it is asked to.
        """
        return max(1, min(AT_ONCE, self.limits.handles // 2))

    def do(self, conversation: Conversation[T], about: str) -> T:
        """Hold one conversation to its end."""
        tasks = iter([Task(conversation, about)])
        (value,) = self.run(lambda: next(tasks, None), at_once=lambda: 1)
        return value

    def run(
        self, next_task: NextTask[T], *, at_once: Callable[[], int], budget: int = 0
    ) -> Iterator[T]:
        """Hold many conversations, giving what each returned as it ends, in any order.

        `next_task` gives None when it has none now; it is asked again while others go on. At most
        `at_once` are under way (a function, as it may be learnt on the way), their weights at most
        `budget` (or one).
        """
        run = _Run(next_task, at_once, budget)
        try:
            self._fill(run)
            while run.active or run.done:
                while not run.done:
                    self._pump()
                yield run.take()
                self._fill(run)
        finally:
            self._abandon(run)
        with contextlib.suppress(TransientSftpError):  # all that was wanted has come
            self._flush()

    def _fill(self, run: _Run[Any]) -> None:
        while task := run.next():
            run.begin(task)
            self._advance(run, task, None)
        # Ask for more while what is done is worked on, but not in a packet for each.
        if self._unsent * 4 >= run.at_once():
            self._flush()

    def _advance(self, run: _Run[Any], task: Task[Any], answer: Answer | None) -> None:
        try:
            requests = task.conversation.send(answer)  # type: ignore[arg-type]  # None begins it
            while self._ask(run, task, requests):
                requests = next(task.conversation)
        except StopIteration as end:
            run.end(task, end.value, None)
        except Exception as error:  # raised where the run's results are taken
            run.end(task, None, error)

    def _ask(self, run: _Run[Any], task: Task[Any], requests: Sequence[Request]) -> bool:
        """Send requests; tell whether they were only a CLOSE, so that the task goes on at once."""
        for request in requests:
            number = self._enqueue(request)
            if request.kind != wire.CLOSE:
                self._waiting[number] = (run, task, request)
        return len(requests) == 1 and requests[0].kind == wire.CLOSE

    def _abandon(self, run: _Run[Any]) -> None:
        """Let tasks that nobody waits for any more clean up; their answers will be dropped."""
        numbers = [number for number, waiting in self._waiting.items() if waiting[0] is run]
        for number in numbers:
            del self._waiting[number]
        for task in run.active:
            task.conversation.close()
        for task, value, error in run.done:
            if task.discard and not error:
                task.discard(value)

    def _enqueue(self, request: Request) -> int:
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._outgoing += wire.encode(self._number, request)
        self._unsent += 1
        return self._number

    def _pump(self) -> None:
        self._flush()
        with self._guarded():
            answers = [wire.decode(packet) for packet in self._receive()]
        for number, reply in answers:
            waiting = self._waiting.pop(number, None)
            if waiting:
                run, task, request = waiting
                self._advance(run, task, (request, reply))
            elif isinstance(reply, wire.Handle):  # opened for a task that was abandoned meanwhile
                self._enqueue(wire.close(reply))

    def _flush(self) -> None:
        with self._guarded():
            while self._outgoing:
                sent = self._channel.send(bytes(self._outgoing))
                if not sent:
                    raise EOFError
                del self._outgoing[:sent]
        self._unsent = 0

    def _receive(self) -> list[bytes]:
        data = self._channel.recv(_RECEIVE)
        if not data:
            raise EOFError
        return list(self._packets.feed(data))

    @contextlib.contextmanager
    def _guarded(self, losses: tuple[type[Exception], ...] = _LOSSES) -> Iterator[None]:
        if self._lost:
            raise self._lost
        try:
            yield
        except losses as error:
            self._lost = TransientSftpError(
                f"the connection to {self._peer} was lost {self._activity()}: {_why(error)}; "
                "what was fetched before is good, the rest is taken again at the next poll"
            )
            TRAFFIC.add(LOSSES)
            raise self._lost from error

    def _activity(self) -> str:
        abouts = list(dict.fromkeys(task.about for _, task, _ in self._waiting.values()))
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


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within the timeout (SFTP_TIMEOUT_SECONDS)"
    if isinstance(error, EOFError):
        return "the server closed it"
    return str(error) or type(error).__name__
