"""Conversations: generators that yield requests and are sent the answers one by one.

Those to CLOSE excepted, on which nothing depends. They never do I/O, so that they can be tested
without a server.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.wire import Handle, Reply, Request

_T = TypeVar("_T")

Answer = tuple[Request, Reply]
Conversation = Generator[Sequence[Request], Answer, _T]


@dataclass(eq=False)
class Task(Generic[_T]):
    """A conversation, what it does as messages name it, and the memory it may take in bytes.

    `discard` is called with a result that nobody took.
    """

    conversation: Conversation[_T]
    about: str
    weight: int = 0
    discard: Callable[[_T], None] | None = None


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
