"""Reading files: small ones in two round trips, large ones through a window of reads.

A file counts as read only if its size and time were the same before and after and every byte of
that size came, and none more; else it is a `FetchFailed` of its own and harms no other file.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.errors import PermanentSftpError
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.model import Fetched, FetchFailed, RemoteFile
from saft_pipeline.sftp.pieces import WINDOW, Ranges, Sink
from saft_pipeline.sftp.session import Conversation, Session, Task, ask, leave
from saft_pipeline.sftp.wire import Attributes, Data, Handle, Reply, Status

# Bytes asked for and not yet handed out, over all files.
BUDGET = 16 << 20


class _FailedError(Exception):
    """The file can't be had as it is; `failure` says why."""

    def __init__(self, failure: FetchFailed) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def fetch(
    session: Session, root: bytes, files: Sequence[RemoteFile], spill: Path
) -> Iterator[Fetched | FetchFailed]:
    """Read files, many at once, giving each as it is done; order is not kept.

    Raises TransientSftpError if the connection is lost; what was given before stays good.
    """
    waiting = iter(files)

    def next_task() -> Task[Fetched | FetchFailed] | None:
        file = next(waiting, None)
        if file is None:
            return None
        conversation = take(file, root, lambda: session.limits.max_read, spill)
        return Task(conversation, f"reading {file.text}", min(file.size, WINDOW), _discard)

    return session.run(next_task, at_once=session.open_at_once, budget=BUDGET)


def _discard(result: Fetched | FetchFailed) -> None:
    if isinstance(result, Fetched) and isinstance(result.content, Path):
        result.content.unlink(missing_ok=True)


def take(
    file: RemoteFile, root: bytes, max_read: Callable[[], int], spill: Path
) -> Conversation[Fetched | FetchFailed]:
    """Read one file; if it isn't any more what the listing said, read it as it is now."""
    try:
        path = paths.below(root, file.path)
        if file.size < max_read():
            fetched = yield from _take_small(file, path, spill)
            if fetched:
                return fetched
        return (yield from _take_large(file, path, max_read, spill))
    except PermanentSftpError as error:
        return FetchFailed(file, str(error), "unreadable")
    except _FailedError as error:
        return error.failure


def _take_small(file: RemoteFile, path: bytes, spill: Path) -> Conversation[Fetched | None]:
    """Read a file in one piece; None if it doesn't match the listing."""
    handle = yield from _open(file, path)
    data, looked = yield from _read_last(handle, 0, file.size + 1)
    if isinstance(data, Status) and data.code == wire.EOF:
        data = Data(memoryview(b""))
    if not isinstance(data, Data):
        raise _FailedError(_failure(file, data))
    if _found(file, looked) != file or len(data.value) != file.size:
        return None
    sink = Sink(file.size, spill)
    sink.add(0, data.value)
    return Fetched(file, *sink.finish())


def _take_large(
    file: RemoteFile, path: bytes, max_read: Callable[[], int], spill: Path
) -> Conversation[Fetched]:
    """Read a file through a window, with its attributes asked for before and after."""
    handle = yield from _open(file, path)
    before = yield from _look(handle, file)
    sink = Sink(before.size, spill)
    try:
        broken = yield from _read_through(handle, before.size, max_read(), sink)
        beyond, looked = yield from _read_last(handle, before.size, 1)
        if broken and broken.code != wire.EOF:
            raise _FailedError(_failure(file, broken))
        after = _found(file, looked)
        if broken or isinstance(beyond, Data) or after != before:
            raise _FailedError(_changed(before, after))
        return Fetched(after, *sink.finish())
    finally:
        sink.close()


def _open(file: RemoteFile, path: bytes) -> Conversation[Handle]:
    reply = yield from ask(wire.open_file(path))
    if isinstance(reply, Handle):
        return reply
    raise _FailedError(_failure(file, reply))


def _look(handle: Handle, file: RemoteFile) -> Conversation[RemoteFile]:
    """Give an open file's size and time, or close it if they can't be had."""
    reply = yield from ask(wire.fstat(handle))
    try:
        return _found(file, reply)
    except _FailedError:
        yield from leave(handle)
        raise


def _read_last(handle: Handle, start: int, length: int) -> Conversation[tuple[Reply, Reply]]:
    """Read one more piece, ask for the attributes and close the file, in one round trip."""
    one = yield [wire.read(handle, start, length), wire.fstat(handle), wire.close(handle)]
    other = yield ()
    replies = {request.kind: reply for request, reply in (one, other)}
    return replies[wire.READ], replies[wire.FSTAT]


def _found(file: RemoteFile, looked: Reply) -> RemoteFile:
    """Give the file as it stands by the answer to FSTAT."""
    if not isinstance(looked, Attributes):
        raise _FailedError(_failure(file, looked))
    if looked.size is None or looked.modified_at is None:
        reason = "the server gives no size or time for it: whether it is whole can't be told"
        raise _FailedError(FetchFailed(file, reason, "unreadable"))
    return RemoteFile(file.path, looked.size, looked.modified_at)


def _read_through(
    handle: Handle, size: int, max_read: int, sink: Sink
) -> Conversation[Status | None]:
    """Read `size` bytes into `sink`, a window of reads in flight; gives what a read failed with."""
    ranges = Ranges(size, max_read)
    broken: Status | None = None
    requests = [wire.read(handle, *piece) for piece in ranges.take(0, 0)]
    in_flight = 0
    while requests or in_flight:
        in_flight += len(requests)
        request, reply = yield requests
        in_flight -= 1
        if isinstance(reply, Data) and 0 < len(reply.value) <= request.length:
            sink.add(request.start, reply.value)
            ranges.came(request.start, request.length, len(reply.value))
        else:
            broken = broken or _as_status(reply)
        pieces = () if broken else ranges.take(in_flight, sink.position)
        requests = [wire.read(handle, *piece) for piece in pieces]
    return broken


def _as_status(reply: Reply) -> Status:
    return reply if isinstance(reply, Status) else Status(wire.FAILURE, "an answer of no sense")


def _changed(before: RemoteFile, after: RemoteFile) -> FetchFailed:
    reason = (
        f"it changed while it was read (from {before.size} bytes of time {before.modified_at} "
        f"to {after.size} of {after.modified_at}), or its end is missing: it is still being written"
    )
    return FetchFailed(after, reason, "changed")


def _failure(file: RemoteFile, reply: Reply) -> FetchFailed:
    status = _as_status(reply)
    if status.code == wire.NO_SUCH_FILE:
        return FetchFailed(file, "it vanished before it was read", "gone")
    if status.code == wire.PERMISSION_DENIED:
        return FetchFailed(file, "the server denies the permission to read it", "unreadable")
    return FetchFailed(file, f"it can't be read: {describe(status)}", "transient")
