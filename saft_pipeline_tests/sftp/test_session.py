"""Conversations: answers reach whom they belong to, whatever is abandoned, nested or lost."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.errors import PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.session import Conversation, Session, Task, ask, ask_each
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
    return session.run(lambda: next(tasks, None), at_once=at_once, budget=budget)


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


def test_a_handle_that_comes_after_its_task_was_abandoned_is_closed() -> None:
    server = FakeServer(FILES)
    session = Session(server, "test:22")
    number_of_another = b"\0\0\x03\xe7"
    server.out += b"\0\0\0\x0a" + handle(b"2")[:1] + number_of_another + handle(b"2")[1:]
    session.do(ask_each([wire.stat(b"1"), wire.stat(b"2")], at_once=1), "asking")
    assert server.counts[wire.CLOSE] == 1


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


def test_reads_are_of_32_kb_unless_the_server_says_that_it_gives_more() -> None:
    assert Session(FakeServer(), "test:22").max_read == 32768


def test_limits_that_the_server_does_not_explain_change_nothing() -> None:
    server = FakeServer(extensions=(wire.LIMITS,), before=lambda *_: status(wire.FAILURE))
    assert Session(server, "test:22").max_read == 32768


def _silent(_kind: int, _count: int) -> bytes:
    raise TimeoutError
