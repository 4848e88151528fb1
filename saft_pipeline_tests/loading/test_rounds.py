"""Rounds over many sources: fair, whatever some of them do; and names that sources had before."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from saft_pipeline.loading import looks, poll
from saft_pipeline.loading.errors import SourceError, TransientSourceError
from saft_pipeline.loading.looks import Looks
from saft_pipeline.loading.rounds import Round, Rounds
from saft_pipeline.settings import Settings, SourceSettings
from saft_pipeline.sftp.model import Listing, RemoteFile, RemoteFiles
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.store import Store

FOUND = Listing(RemoteFiles([RemoteFile(b"f.xml", 10, 1_750_000_000)]), [])


def settings_of(*names: str, **values: object) -> Settings:
    """So many sources, each on a server of its name, with `values` in the place of defaults."""
    login = {"sftp_username": "u", "sftp_password": "p"}
    settings = Settings.model_validate(login)
    settings._sources = tuple(
        SourceSettings(**{**dict(settings), "sftp_host": name, **values, "source": name})
        for name in names
    )
    return settings


class Servers:
    """What each source answers to a look, by its name; `held` ones when they are let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.held: dict[str, threading.Event] = {}
        self.found: dict[str, Listing] = {}

    def look(self, source: SourceSettings) -> Listing:
        self.asked.append(source.source)
        if event := self.held.get(source.source):
            event.wait(60)
        if error := self.errors.get(source.source):
            raise error
        return self.found.get(source.source, FOUND)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    servers = Servers()
    monkeypatch.setattr(looks, "look", servers.look)
    yield servers
    for event in servers.held.values():
        event.set()


def go(rounds: Rounds, store: Store, settings: Settings, seconds: float = 30) -> Round:
    return rounds.go(settings, store, turn_of=lambda _: "came", seconds=seconds)


def test_each_source_has_claims_of_its_own(store: Store, servers: Servers) -> None:
    found = go(Rounds(), store, settings_of("a", "b"))
    assert sorted(f.source for files in found.claims.values() for f in files) == ["a", "b"]
    assert found.figures()["listed"] == 2


def test_a_server_that_does_not_answer_holds_up_no_other(store: Store, servers: Servers) -> None:
    dead = [f"dead-{n}" for n in range(10)]
    servers.held = {name: threading.Event() for name in dead}
    alive = [f"alive-{n}" for n in range(40)]
    found = go(Rounds(), store, settings_of(*dead, *alive), seconds=5)
    assert {each.source.source for each in found.fresh} == set(alive)
    assert found.unreached.keys() == set(dead)
    assert "dead-3: its look isn't over after" in found.summary()


def test_a_look_that_was_begun_before_its_round_is_the_round_s(
    store: Store, servers: Servers
) -> None:
    rounds, settings = Rounds(), settings_of("a", "b")
    rounds.begin(settings)
    found = go(rounds, store, settings)
    assert sorted(servers.asked) == ["a", "b"]
    assert sorted(f.source for files in found.claims.values() for f in files) == ["a", "b"]


def test_a_look_that_was_begun_before_its_round_is_waited_for_like_others(
    store: Store, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_LATE_SECONDS", 0.0)
    servers.held = {"a": threading.Event()}
    rounds = Rounds()
    rounds.begin(settings_of("a"))
    threading.Timer(1, servers.held["a"].set).start()
    found = go(rounds, store, settings_of("a", "b"))
    assert sorted(each.source.source for each in found.fresh) == ["a", "b"]


def test_a_round_that_was_gone_early_is_that_of_who_asks(store: Store, servers: Servers) -> None:
    rounds, settings = Rounds(), settings_of("a", "b")
    rounds.begin(settings)
    early = rounds.go_early(settings, store)
    assert go(rounds, store, settings) is early
    assert sorted(servers.asked) == ["a", "b"]
    assert go(rounds, store, settings) is not early


def test_who_asks_meets_the_error_of_a_round_that_was_gone_early(
    store: Store, servers: Servers
) -> None:
    rounds, settings = Rounds(), settings_of("a")
    servers.errors = {"a": SourceError("the folder is gone")}
    assert rounds.go_early(settings, store) is None
    with pytest.raises(SourceError, match="the folder is gone"):
        go(rounds, store, settings)
    assert servers.asked == ["a"]


def test_what_can_not_be_given_back_hides_no_error(
    store: Store, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, settings = Rounds(), settings_of("a")
    assert go(rounds, store, settings).claims

    def fail(_: str) -> int:
        raise StoreError("the database is gone")

    monkeypatch.setattr(store, "release", fail)
    rounds.give_back()
    assert store.counts() == {"running": 1}


def test_a_round_that_is_stopped_before_it_is_over_begins_nothing(
    store: Store, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, settings = Rounds(), settings_of("a")
    monkeypatch.setattr(
        "saft_pipeline.loading.rounds.count_traffic", lambda *_, **__: rounds.give_back()
    )
    assert rounds.go_early(settings, store) is None
    assert store.counts() == {"pending": 1}


def test_no_round_is_gone_early_while_files_are_with_runs(store: Store, servers: Servers) -> None:
    settings = settings_of("a")
    assert go(Rounds(), store, settings).claims
    assert Rounds().go_early(settings, store) is None
    assert servers.asked == ["a"]


def test_what_a_killed_process_claimed_for_itself_is_taken_in_a_round_that_is_gone_early(
    store: Store, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, killed = settings_of("a"), Rounds()
    killed.begin(settings)
    waits = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as process:
        monkeypatch.setattr(os, "getpid", lambda: process.pid)
        assert go(killed, store, settings).claims
        monkeypatch.undo()
    monkeypatch.setattr(looks, "look", servers.look)
    early = Rounds().go_early(settings, store)
    assert early
    assert [len(files) for files in early.claims.values()] == [1]


def test_a_round_that_is_stopped_amid_its_looks_claims_nothing(
    store: Store, servers: Servers
) -> None:
    servers.held = {"a": threading.Event()}
    rounds, settings = Rounds(), settings_of("a")
    rounds.begin(settings)
    early = threading.Thread(target=rounds.go_early, args=[settings, store])
    early.start()
    rounds.give_back()
    servers.held["a"].set()
    early.join(30)
    assert store.counts() == {"pending": 1}


def test_behind_a_round_that_was_given_back_the_next_one_claims(
    store: Store, servers: Servers
) -> None:
    rounds, settings = Rounds(), settings_of("a")
    rounds.begin(settings)
    assert rounds.go_early(settings, store)
    rounds.give_back()
    assert store.counts() == {"pending": 1}
    assert [len(files) for files in go(rounds, store, settings).claims.values()] == [1]


def test_who_does_not_answer_is_not_asked_a_second_time(store: Store, servers: Servers) -> None:
    servers.held = {"dead": threading.Event()}
    rounds, settings = Rounds(), settings_of("dead", "alive")
    for _ in range(2):
        go(rounds, store, settings, seconds=1)
    assert servers.asked.count("dead") == 1


def test_what_a_slow_server_said_counts_in_the_next_round(store: Store, servers: Servers) -> None:
    servers.held = {"slow": threading.Event()}
    rounds, settings = Rounds(), settings_of("slow", "alive")
    go(rounds, store, settings, seconds=1)
    servers.held["slow"].set()
    assert "slow" in {each.source.source for each in go(rounds, store, settings).fresh}


def test_who_was_late_before_is_not_waited_for_beside_others() -> None:
    held = threading.Event()
    sources = settings_of("slow", "alive").sources
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            looks, "look", lambda source: FOUND if source.source == "alive" else held.wait()
        )
        all_looks = Looks()
        list(all_looks.round(sources, 0.5))
        assert [each.source.source for each in all_looks.round(sources, 3600)] == ["alive"]
    held.set()


def test_who_failed_before_is_not_waited_for_beside_others(store: Store, servers: Servers) -> None:
    servers.errors = {"dead": TransientSourceError("it can't be reached")}
    rounds, settings = Rounds(), settings_of("dead", "alive")
    go(rounds, store, settings)
    servers.held = {"dead": threading.Event()}
    found = go(rounds, store, settings, seconds=3600)
    assert [each.source.source for each in found.fresh] == ["alive"]
    assert "dead: it can't be reached" in found.summary()


def test_who_was_looked_at_longest_ago_comes_first(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "MOST_AT_ONCE", 1)
    all_looks, sources = Looks(), settings_of("a", "b", "c").sources
    list(all_looks.round(sources[:1], 30))
    assert [look.source.source for look in all_looks.round(sources, 30)] == ["b", "c", "a"]


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round tells the ledger of one file."""
    monkeypatch.setattr("saft_pipeline.store.encoding.PAGE", 1)
    monkeypatch.setattr(
        "saft_pipeline.loading.rounds.tell",
        lambda look, store, last, **_: poll.tell(look, store, last=last, until=-math.inf),
    )


@pytest.mark.usefixtures("no_time")
def test_what_a_look_found_is_told_to_its_end_before_the_next(
    store: Store, servers: Servers
) -> None:
    servers.found["large"] = Listing(
        RemoteFiles(RemoteFile(b"%d.xml" % n, 10, 1_750_000_000) for n in range(3)), []
    )
    rounds, settings = Rounds(), settings_of("large", "other")
    rest = "large: the ledger doesn't know all of the listing yet: the next poll goes on"
    for known in (1, 2, 3):
        found = go(rounds, store, settings, seconds=3600)
        assert len(store.files(source="large")) == known
        assert (rest in found.problems()) == (known < 3)
    assert (servers.asked.count("large"), servers.asked.count("other")) == (1, 3)
    go(rounds, store, settings)
    assert servers.asked.count("large") == 2


@pytest.mark.usefixtures("no_time")
def test_what_was_not_told_to_its_end_waits_for_no_late_server(
    store: Store, servers: Servers
) -> None:
    servers.found["large"] = Listing(
        RemoteFiles(RemoteFile(b"%d.xml" % n, 10, 1_750_000_000) for n in range(2)), []
    )
    servers.held = {"slow": threading.Event()}
    rounds, settings = Rounds(), settings_of("large", "slow")
    go(rounds, store, settings, seconds=1)
    assert [e.source.source for e in go(rounds, store, settings, seconds=3600).fresh] == ["large"]


def test_a_source_with_a_longer_interval_waits_for_it(servers: Servers) -> None:
    (often,) = settings_of("a", poll_interval_seconds=1).sources
    (seldom,) = settings_of("b", poll_interval_seconds=3600).sources
    all_looks = Looks()
    assert all_looks.due([often, seldom]) == [often, seldom]
    list(all_looks.round([often, seldom], 30))
    assert all_looks.due([often, seldom]) == [often]


def test_what_one_server_refuses_is_told_and_the_others_go_on(
    store: Store, servers: Servers
) -> None:
    servers.errors = {"a": SourceError("refused the password"), "b": TransientSourceError("busy")}
    found = go(Rounds(), store, settings_of("a", "b", "c"))
    assert found.refused == {"a": "refused the password"}
    assert "a: refused the password; b: busy" in found.summary()
    assert len(found.claims) == 1


BUSY = TransientSourceError("busy")


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ((SourceError("no"), BUSY), SourceError),
        ((BUSY, BUSY), TransientSourceError),
        ((SourceError("no"), ZeroDivisionError("a fault of ours")), ZeroDivisionError),
    ],
)
def test_a_round_without_any_source_says_why(
    store: Store, servers: Servers, errors: tuple[Exception, Exception], kind: type[Exception]
) -> None:
    servers.errors = dict(zip("ab", errors, strict=True))
    with pytest.raises(Exception, match=r"no|busy|ours") as caught:
        go(Rounds(), store, settings_of("a", "b"))
    assert type(caught.value) is kind


@pytest.mark.parametrize("former", ["sftp://u@h:22/.", "sftp://h:22/."])
def test_a_source_that_had_another_name_goes_on_without_loading_again(
    store: Store, servers: Servers, former: str
) -> None:
    before = settings_of(former, sftp_host="h")
    ids = [f.id for files in go(Rounds(), store, before).claims.values() for f in files]
    after = go(Rounds(), store, settings_of("gramido", sftp_host="h"))
    assert after.claims == {}
    assert [(f.id, f.source) for f in store.files()] == [(ids[0], "gramido")]
