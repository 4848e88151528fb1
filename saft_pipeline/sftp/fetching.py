"""Reading files: small ones in two round trips, large ones through a window of reads.

A file counts as read only if its size and time were the same before and after and every byte of
that size came; anything else is a `FetchFailed` of its own and harms no other file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.model import Fetched, FetchFailed, RemoteFile
from saft_pipeline.sftp.pieces import WINDOW, Ranges, Sink
from saft_pipeline.sftp.session import Conversation, Session, Task, ask
from saft_pipeline.sftp.wire import Attributes, Data, Handle, Reply, Request, Status

FILES_AT_ONCE = 64
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
        conversation = take(file, paths.join(root, file.path), session.max_read, spill)
        return Task(conversation, f"reading {file.text}", min(file.size, WINDOW), _discard)

    return session.run(next_task, at_once=FILES_AT_ONCE, budget=BUDGET)


def _discard(result: Fetched | FetchFailed) -> None:
    if isinstance(result, Fetched) and isinstance(result.content, Path):
        result.content.unlink(missing_ok=True)


def take(
    file: RemoteFile, path: bytes, max_read: int, spill: Path
) -> Conversation[Fetched | FetchFailed]:
    """Read one file; if it isn't any more what the listing said, read it as it is now."""
    try:
        if file.size < max_read:
            fetched = yield from _take_small(file, path, spill)
            if fetched:
                return fetched
        return (yield from _take_large(file, path, max_read, spill))
    except _FailedError as error:
        return error.failure


def _take_small(file: RemoteFile, path: bytes, spill: Path) -> Conversation[Fetched | None]:
    """Read a file in one piece; None if it doesn't match the listing."""
    handle = yield from _open(file, path)
    requests = [wire.read(handle, 0, file.size + 1), wire.fstat(handle), wire.close(handle)]
    replies: dict[Request, Reply] = {}
    batch: Sequence[Request] = requests
    for _ in requests:
        request, reply = yield batch
        replies[request], batch = reply, ()
    data, after = replies[requests[0]], replies[requests[1]]
    if isinstance(data, Status) and data.code == wire.EOF:
        data = Data(memoryview(b""))
    if not isinstance(data, Data) or not isinstance(after, Attributes):
        raise _FailedError(_failure(file, data if isinstance(data, Status) else after))
    if _as_listed(file, after) != file or len(data.value) != file.size:
        return None
    sink = Sink(file.size, spill)
    sink.add(0, data.value)
    return Fetched(file, *sink.finish())


def _take_large(file: RemoteFile, path: bytes, max_read: int, spill: Path) -> Conversation[Fetched]:
    """Read a file through a window, with its attributes asked for before and after."""
    handle = yield from _open(file, path)
    before = yield from _attributes(handle, file)
    sink = Sink(before.size, spill)
    try:
        broken = yield from _read_through(handle, before.size, max_read, sink)
        after = yield from _attributes(handle, file)
        yield from ask(wire.close(handle))
        if broken and broken.code != wire.EOF:
            raise _FailedError(_failure(file, broken))
        if broken or after != before:
            raise _FailedError(_changed(before, after))
        return Fetched(after, *sink.finish())
    finally:
        sink.close()


def _open(file: RemoteFile, path: bytes) -> Conversation[Handle]:
    reply = yield from ask(wire.open_file(path))
    if isinstance(reply, Handle):
        return reply
    raise _FailedError(_failure(file, reply))


def _attributes(handle: Handle, file: RemoteFile) -> Conversation[RemoteFile]:
    reply = yield from ask(wire.fstat(handle))
    if isinstance(reply, Attributes):
        return _as_listed(file, reply)
    yield from ask(wire.close(handle))
    raise _FailedError(_failure(file, reply))


def _as_listed(file: RemoteFile, attributes: Attributes) -> RemoteFile:
    return RemoteFile(file.path, attributes.size or 0, attributes.modified_at or 0)


def _read_through(
    handle: Handle, size: int, max_read: int, sink: Sink
) -> Conversation[Status | None]:
    """Read `size` bytes into `sink`, a window of reads in flight; gives what a read failed with."""
    ranges = Ranges(size, max_read)
    broken: Status | None = None
    requests = [wire.read(handle, *piece) for piece in ranges.take(0)]
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
        pieces = () if broken else ranges.take(in_flight)
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
