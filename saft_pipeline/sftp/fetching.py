"""Reading files: small ones in two round trips, large ones through a window of reads.

A file counts as read only if its size and time were the same before and after and every byte of
that size came, and none more; else it is a `FetchFailed` of its own and harms no other file. Of a
server that can't say size and time of what is open the listing's are taken.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.conversation import Conversation, Task, ask, leave
from saft_pipeline.sftp.errors import PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.faults import as_status, describe
from saft_pipeline.sftp.flight import is_refusal
from saft_pipeline.sftp.model import Fetched, FetchFailed, RemoteFile
from saft_pipeline.sftp.pieces import IN_MEMORY, WINDOW, Ranges, Sink
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.session import Session, Until
from saft_pipeline.sftp.wire import Attributes, Data, Handle, Reply, Request, Status

# Bytes asked for and not yet handed out, over all files.
BUDGET = 16 << 20
# Most bytes of a file whose size the server doesn't know.
_MOST_UNSIZED = 1 << 30
# Where no file of ours has a byte, though file systems go as far.
_BEYOND = 1 << 40


class _FailedError(Exception):
    """The file can't be had as it is; `failure` says why."""

    def __init__(self, failure: FetchFailed) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True)
class Reader:
    """What a file's conversation needs to know: how much to ask for, the server, where to spill.

    Without `spill` the bytes are only hashed.
    """

    max_read: Callable[[], int]
    quirks: Quirks
    spill: Path | None


def fetch(
    session: Session,
    root: bytes,
    files: Sequence[RemoteFile],
    spill: Path | None,
    until: Until | None = None,
) -> Iterator[Fetched | FetchFailed]:
    """Read files, many at once, giving each as it is done; order is not kept.

    What was refused while others were open is tried again with fewer at once. Raises
    TransientSftpError if the connection is lost, OverdueError at `until`; what was given before
    stays good.
    """
    reader = Reader(lambda: session.limits.max_read, session.quirks, spill)
    refused: list[FetchFailed] = []
    granted = 0
    while True:
        again = [failed.file for failed in refused] or files
        before, refused = len(refused), []
        for result in _fetch_once(session, root, again, reader, until):
            if isinstance(result, FetchFailed) and result.refused:
                refused.append(result)
            else:
                yield result
        granted += max(0, before - len(refused))
        if not (refused and session.flight.lower()):
            break
    session.flight.settle(granted)
    yield from refused


def _fetch_once(
    session: Session,
    root: bytes,
    files: Sequence[RemoteFile],
    reader: Reader,
    until: Until | None,
) -> Iterator[Fetched | FetchFailed]:
    waiting = iter(files)

    def next_task() -> Task[Fetched | FetchFailed] | None:
        file = next(waiting, None)
        if file is None:
            return None
        weight = min(file.size, WINDOW)
        return Task(take(file, root, reader), f"reading {file.text}", weight, _discard)

    return session.run(next_task, at_once=session.open_at_once, budget=BUDGET, until=until)


def _discard(result: Fetched | FetchFailed) -> None:
    if isinstance(result, Fetched):
        result.discard()


def take(file: RemoteFile, root: bytes, reader: Reader) -> Conversation[Fetched | FetchFailed]:
    """Read one file; if it isn't any more what the listing said, read it as it is now."""
    try:
        path = paths.below(root, file.path)
        # One byte more, where that may be asked for, tells that it is no longer.
        if 0 < file.size + reader.quirks.reads_past_end <= reader.max_read():
            fetched = yield from _take_small(file, path, reader)
            if fetched:
                return fetched
        return (yield from _take_large(file, path, reader))
    except PermanentSftpError as error:
        return FetchFailed(file, str(error), "unreadable")
    except _FailedError as error:
        return error.failure


def compare(file: RemoteFile, path: bytes, reader: Reader) -> Conversation[str]:
    """Give the SHA-256 (hex) of the bytes that lie at a path now. Raises TransientSftpError."""
    try:
        return (yield from _take_large(file, path, reader)).sha256
    except _FailedError as error:
        raise TransientSftpError(
            f"{file.text} can't be compared with what was loaded: {error.failure.reason}"
        ) from error


def _take_small(file: RemoteFile, path: bytes, reader: Reader) -> Conversation[Fetched | None]:
    """Read a file in one piece; None if it doesn't match the listing."""
    handle = yield from _open(file, path)
    length = file.size + reader.quirks.reads_past_end
    last = [wire.read(handle, 0, length), _look(handle, path, reader.quirks), wire.close(handle)]
    data, looked = yield from _ask_both(last)
    if isinstance(data, Status) and data.code == wire.EOF:
        data = Data(memoryview(b""))
    if not isinstance(data, Data):
        raise _FailedError(_failure(file, data))
    found = yield from _found(file, path, looked, reader.quirks)
    if found != file or len(data.value) != file.size:
        return None
    sink = Sink(reader.spill)
    sink.add(0, data.value)
    return Fetched(file, *sink.finish())


def _take_large(file: RemoteFile, path: bytes, reader: Reader) -> Conversation[Fetched]:
    """Read a file that is opened and closed for it."""
    handle = yield from _open(file, path)
    try:
        fetched = yield from _take_open(file, handle, path, reader)
    except Exception:
        yield from leave(handle)
        raise
    yield from leave(handle)
    return fetched


def _take_open(
    file: RemoteFile, handle: Handle, path: bytes, reader: Reader
) -> Conversation[Fetched]:
    """Read a file through a window, with its attributes asked for before and after."""
    sink = Sink(reader.spill)
    try:
        looked = yield from ask(_look(handle, path, reader.quirks))
        before = yield from _found(file, path, looked, reader.quirks)
        _check_room(before, reader.spill)
        broken = yield from _read_through(handle, before.size, reader.max_read(), sink)
        past, looked = yield from _look_past(handle, path, before.size, reader.quirks)
        if broken and broken.code != wire.EOF:
            raise _FailedError(_failure(file, broken))
        after = yield from _found(file, path, looked, reader.quirks)
        if after != before:
            raise _FailedError(_changed(before, after))
        if broken or isinstance(past, Data):
            return (yield from _take_unsized(before, handle, path, reader))
        return Fetched(after, *sink.finish())
    finally:
        sink.close()


def _take_unsized(
    file: RemoteFile, handle: Handle, path: bytes, reader: Reader
) -> Conversation[Fetched]:
    """Read a file whose size isn't as the server says: twice to its end, the same both times."""
    once, twice = Sink(reader.spill), Sink(None)
    try:
        for sink in (once, twice):
            yield from _read_to_end(handle, file, reader.max_read(), sink)
        looked = yield from ask(_look(handle, path, reader.quirks))
        after = yield from _found(file, path, looked, reader.quirks)
        if after != file or twice.digest != once.digest:
            raise _FailedError(_changed(file, after))
        reader.quirks.sizes = False
        return Fetched(file, *once.finish())
    finally:
        once.close()


def _open(file: RemoteFile, path: bytes) -> Conversation[Handle]:
    reply = yield from ask(wire.open_file(path))
    if isinstance(reply, Handle):
        return reply
    raise _FailedError(_failure(file, reply))


def _look(handle: Handle, path: bytes, quirks: Quirks) -> Request:
    return wire.fstat(handle) if quirks.fstat else wire.stat(path)


def _ask_both(requests: Sequence[Request]) -> Conversation[tuple[Reply, Reply]]:
    """Read and look, in one round trip; gives the answers in this order."""
    one = yield requests
    other = yield ()
    if one[0].kind != wire.READ:
        one, other = other, one
    return one[1], other[1]


def _look_past(
    handle: Handle, path: bytes, size: int, quirks: Quirks
) -> Conversation[tuple[Reply | None, Reply]]:
    """Ask for a byte past the end and for the attributes, in one round trip."""
    look = _look(handle, path, quirks)
    if not quirks.reads_past_end:
        return None, (yield from ask(look))
    past, looked = yield from _ask_both([wire.read(handle, size, 1), look])
    if isinstance(past, Status) and past.code == wire.UNANSWERED:
        quirks.reads_past_end = False
    return past, looked


def _found(
    file: RemoteFile, path: bytes, looked: Reply, quirks: Quirks
) -> Conversation[RemoteFile]:
    """Give the file as it stands by the answer to FSTAT, else by its path, else as it was listed.

    The bytes are in hand then, and their own end says whether they are whole.
    """
    if quirks.fstat and not _is_sure(file, looked):
        by_path = yield from ask(wire.stat(path))
        if _is_sure(file, by_path) or (_tells(by_path) and not _tells(looked)):
            looked, quirks.fstat = by_path, False
    if not isinstance(looked, Attributes):
        return file
    size = file.size if looked.size is None else looked.size
    known = looked.modified_at if quirks.times else None
    modified_at = file.modified_at if known is None else known
    return RemoteFile(file.path, size, modified_at)


def _is_sure(file: RemoteFile, looked: Reply) -> bool:
    """Whether there are bytes, as many as the listing said, if that said so."""
    size = looked.size if isinstance(looked, Attributes) and _tells(looked) else 0
    return bool(size) and file.size in (0, size)


def _tells(looked: Reply) -> bool:
    return isinstance(looked, Attributes) and None not in (looked.size, looked.modified_at)


def _check_room(file: RemoteFile, spill: Path | None) -> None:
    """Don't begin to read what the disk can't hold, or what no file holds."""
    if spill and file.size > IN_MEMORY and (free := shutil.disk_usage(spill).free) < file.size:
        reason = f"the server says that it holds {file.size:,} bytes; {spill} has room for {free:,}"
        raise _FailedError(FetchFailed(file, reason, "transient"))


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
            broken = broken or as_status(reply)
        pieces = () if broken else ranges.take(in_flight, sink.position)
        requests = [wire.read(handle, *piece) for piece in pieces]
    if broken and ranges.was_short and (yield from _is_end(handle, broken)):
        return Status(wire.EOF, "")
    return broken


def _read_to_end(handle: Handle, file: RemoteFile, max_read: int, sink: Sink) -> Conversation[None]:
    """Read one piece after the other until the server says that this is the end."""
    while sink.position <= max(_MOST_UNSIZED, 2 * file.size):
        reply = yield from ask(wire.read(handle, sink.position, max_read))
        if isinstance(reply, Data) and reply.value:
            sink.add(sink.position, reply.value)
        elif (yield from _is_end(handle, as_status(reply))):
            return
        else:
            raise _FailedError(_failure(file, reply))
    raise _FailedError(FetchFailed(file, "the server never says where it ends", "unreadable"))


def _is_end(handle: Handle, status: Status) -> Conversation[bool]:
    """Tell whether a read failed for the file's end; some servers call that a failure."""
    if status.code == wire.EOF:
        return True
    beyond = yield from ask(wire.read(handle, _BEYOND, 1))
    return isinstance(beyond, Status) and beyond.code == status.code


def _changed(before: RemoteFile, after: RemoteFile) -> FetchFailed:
    reason = (
        f"it changed while it was read (from {before.size} bytes of time {before.modified_at} "
        f"to {after.size} of {after.modified_at}), or its end is missing: it is still being written"
    )
    return FetchFailed(after, reason, "changed")


def _failure(file: RemoteFile, reply: Reply) -> FetchFailed:
    status = as_status(reply)
    if status.code == wire.NO_SUCH_FILE:
        return FetchFailed(file, "it vanished before it was read", "gone")
    refused = is_refusal(reply)
    if status.code == wire.PERMISSION_DENIED:
        reason = "the server denies the permission to read it"
        return FetchFailed(file, reason, "unreadable", refused=refused)
    reason = f"it can't be read: {describe(status)}"
    return FetchFailed(file, reason, "transient", refused=refused)
