"""Conversations: answers reach whom they belong to, whatever is abandoned, nested or lost."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.conversation import Conversation, Task, ask, ask_each, leave
from saft_pipeline.sftp.errors import PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.session import Session
from saft_pipeline.sftp.wire import Attributes
from saft_pipeline_tests.sftp.fake import FakeFile, FakeServer, handle, status

FILES = {b"%d" % number: FakeFile(b"x" * number) for number in range(20)}


def size(path: bytes) -> Conversation[int]:
    reply = yield from ask(wire.stat(path))
    assert isinstance(reply, Attributes)
    assert reply.size is not None
    return reply.size


def sizes(session: Session, at_once: int = 4, weight: int = 0, budget: int = 0) -> Iterator[int]:
    tasks = iter([Task(size(path), f"asking {path!r}", weight) for path in FILES])
    return session.run(lambda: next(tasks, None), at_once=lambda: at_once, budget=budget)


@given(st.integers(1, 30), st.integers(0, 10), st.integers(0, 50))
def test_every_task_ends_once_whatever_may_be_under_way(
    at_once: int, weight: int, budget: int
) -> None:
    session = Session(FakeServer(FILES), "test:22")
    assert sorted(sizes(session, at_once, weight, budget)) == list(range(20))


@given(st.integers(0, 30), st.integers(1, 30))
def test_replies_come_in_the_order_of_the_requests(count: int, at_once: int) -> None:
    session = Session(FakeServer(FILES), "test:22")
    requests = [wire.stat(b"%d" % number) for number in range(count)]
    replies = session.do(ask_each(requests, at_once), "asking")
    assert [getattr(reply, "size", None) for reply in replies] == [
        number if number < 20 else None for number in range(count)
    ]


def test_a_run_may_be_nested_in_another() -> None:
    session = Session(FakeServer(FILES), "test:22")
    found = [(outer, session.do(size(b"7"), "asking")) for outer in sizes(session)]
    assert sorted(found) == [(number, 7) for number in range(20)]


def test_answers_of_an_abandoned_run_do_no_harm() -> None:
    session = Session(FakeServer(FILES), "test:22")
    abandoned = sizes(session)
    next(abandoned)
    del abandoned
    assert session.do(size(b"9"), "asking") == 9


@pytest.mark.parametrize("late", [True, False])
def test_what_an_abandoned_task_had_opened_is_closed(late: bool) -> None:
    server = FakeServer(FILES)
    session = Session(server, "test:22")
    tasks = [Task(size(b"1"), "asking"), Task(_open_and_stay(b"2"), "staying")]
    if late:  # its OPEN is in flight while the other's answer is handed out
        tasks.reverse()
        server.before = lambda kind, _: b"" if kind == wire.OPEN else None
    run = session.run(iter([*tasks, None]).__next__, at_once=lambda: 2)
    next(run)
    del run
    if late:
        server.out += b"\0\0\0\x0a" + handle(b"2")[:1] + b"\0\0\0\x01" + handle(b"2")[1:]
    session.do(ask_each([wire.stat(b"1"), wire.stat(b"2")], at_once=1), "asking")
    assert server.counts[wire.CLOSE] == 1


def _open_and_stay(path: bytes) -> Conversation[int]:
    yield from ask(wire.open_file(path))
    yield []
    return 0


def test_an_answer_to_what_was_never_asked_is_a_lost_connection() -> None:
    server = FakeServer(FILES)
    session = Session(server, "test:22")
    server.out += struct.pack(">IBII", 9, wire.STATUS, 999, 0)
    with pytest.raises(TransientSftpError, match="request 999, which was never sent"):
        session.do(size(b"1"), "asking")


def test_an_error_of_one_task_is_raised_where_its_run_is_taken() -> None:
    session = Session(FakeServer(FILES), "test:22")
    with pytest.raises(AssertionError):
        session.do(size(b"missing"), "asking")


def test_a_silent_server_is_a_lost_connection_that_says_what_was_under_way() -> None:
    session = Session(FakeServer(FILES, before=_silent), "test:22")
    with pytest.raises(TransientSftpError, match=r"test:22 was lost while asking b'0' and 3 more"):
        list(sizes(session))


def test_after_a_loss_every_call_says_so_at_once() -> None:
    server = FakeServer(FILES, before=_silent)
    session = Session(server, "test:22")
    for _ in range(2):
        with pytest.raises(TransientSftpError):
            session.do(size(b"1"), "asking")
    assert server.counts[wire.STAT] == 1


def test_bytes_of_no_sense_are_a_lost_connection() -> None:
    server = FakeServer(FILES)
    session = Session(server, "test:22")
    server.out += b"Welcome to our server!"
    with pytest.raises(TransientSftpError, match="a packet claims"):
        session.do(size(b"1"), "asking")


def test_a_login_script_that_prints_is_named_with_its_cure() -> None:
    server = FakeServer(FILES)
    server.out += b"Welcome to our server!"
    with pytest.raises(PermanentSftpError, match="no login script prints"):
        Session(server, "test:22")


def test_the_usual_limits_hold_unless_the_server_gives_others() -> None:
    assert Session(FakeServer(), "test:22").limits == wire.USUAL_LIMITS


def test_the_servers_own_limits_are_learnt_with_its_first_answer() -> None:
    given = wire.ServerLimits(200_000, 300)
    server = FakeServer(FILES, extensions=(wire.LIMITS,), limits=given)
    session = Session(server, "test:22")
    session.do(size(b"1"), "asking")
    assert session.limits == given


@pytest.mark.parametrize("answer", [status(wire.FAILURE), b"\xc9"])
def test_limits_that_the_server_does_not_explain_change_nothing(answer: bytes) -> None:
    server = FakeServer(FILES, extensions=(wire.LIMITS,))
    server.before = lambda kind, _: answer if kind == wire.EXTENDED else None
    session = Session(server, "test:22")
    session.do(size(b"1"), "asking")
    assert session.limits == wire.USUAL_LIMITS


def test_the_answer_to_a_close_is_not_waited_for() -> None:
    server = FakeServer(FILES)
    session = Session(server, "test:22")
    server.before = lambda kind, _: b"" if kind == wire.CLOSE else None
    session.do(leave(wire.Handle(b"1")), "closing")
    assert server.counts[wire.CLOSE] == 1


def _silent(_kind: int, _count: int) -> bytes:
    raise TimeoutError
