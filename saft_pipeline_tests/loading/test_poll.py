"""One look at the folder of a real server: what is taken, in which runs, and what is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from saft_pipeline.loading import looks
from saft_pipeline.loading.errors import SourceError, TransientSourceError
from saft_pipeline.loading.last_listing import LastListing
from saft_pipeline.loading.looks import Look
from saft_pipeline.loading.poll import Poll, tell
from saft_pipeline.loading.rounds import Round
from saft_pipeline.loading.taking import take
from saft_pipeline.settings import Settings, load
from saft_pipeline.sftp.model import Listing, ListingProblem, RemoteFiles
from saft_pipeline.store.model import CANCELLED, Failure
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, poll_once
from saft_pipeline_tests.fixtures.sshd import free_port, keygen

EARLY = 1_750_000_000


def settings_of(project: Project, **env: str) -> Settings:
    """The project's settings with others in the place of some."""
    return load({**project.env, **env})


def look(project: Project, store: Store, **env: str) -> Poll:
    """Poll while no run waits its turn."""
    return poll_once(settings_of(project, **env), store, turn_of=lambda _: "came")


def drop(project: Project, count: int) -> None:
    """So many files, each a second younger than the one before."""
    for number in range(count):
        project.put(f"{number}.xml", f"<{number}/>", modified_at=EARLY + number)


def paths(found: Poll) -> list[list[str]]:
    return [[f.path for f in claim.files] for claim in found.claims]


def test_the_summary_says_how_long_the_rest_takes(project: Project, store: Store) -> None:
    drop(project, 5)
    settings = settings_of(project, MAX_FILES_PER_BATCH="2", POLL_INTERVAL_SECONDS="300")
    summary = poll_once(settings, store, turn_of=lambda _: "came").summary()
    assert "3 waiting" in summary
    assert "the rest in 2 more polls (about 10 min)" in summary


def test_a_second_look_takes_nothing_twice(project: Project, store: Store) -> None:
    drop(project, 3)
    look(project, store)
    assert look(project, store).claims == []


@pytest.fixture
def expired(project: Project, store: Store) -> str:
    """The name of a claim on one file whose lease has ended."""
    drop(project, 1)
    (claim,) = look(project, store).claims
    store.renew(claim.owner, timedelta(seconds=-1))
    return claim.owner


def test_what_a_dead_process_had_claimed_is_taken_again(
    project: Project, store: Store, expired: str
) -> None:
    (claim,) = look(project, store).claims
    assert (claim.files[0].path, claim.files[0].attempts) == ("0.xml", 2)


def test_a_claim_whose_run_still_waits_its_turn_is_renewed(
    project: Project, store: Store, expired: str
) -> None:
    found = poll_once(project.settings, store, turn_of=lambda _: "waits")
    assert found.claims == []
    assert [f.path for f in store.claimed(expired)] == ["0.xml"]


def test_a_claim_whose_run_waits_is_renewed_though_its_lease_ends_in_the_middle_of_a_poll(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(project, 1)
    (claim,) = look(project, store).claims
    monkeypatch.setattr(
        "saft_pipeline.loading.poll.look_again",
        lambda *_: store.renew(claim.owner, timedelta(seconds=-1)),
    )
    assert poll_once(project.settings, store, turn_of=lambda _: "waits").claims == []
    assert [f.path for f in store.claimed(claim.owner)] == ["0.xml"]


def test_a_run_that_never_began_was_no_try(project: Project, store: Store, expired: str) -> None:
    (claim,) = poll_once(project.settings, store, turn_of=lambda _: "never came").claims
    assert (claim.files[0].path, claim.files[0].attempts) == ("0.xml", 1)


def test_the_files_of_a_cancelled_run_are_given_up(
    project: Project, store: Store, expired: str
) -> None:
    assert poll_once(project.settings, store, turn_of=lambda _: "was cancelled").claims == []
    (file,) = store.files()
    assert (file.status, file.error, store.claimed(expired)) == ("failed", CANCELLED, [])


def test_a_failed_file_is_taken_again_when_it_changed(project: Project, store: Store) -> None:
    drop(project, 1)
    (claim,) = look(project, store).claims
    store.fail(claim.owner, [Failure(claim.files[0].id, "broken")])
    project.put("0.xml", "<other/>", modified_at=EARLY + 60)
    assert paths(look(project, store)) == [["0.xml"]]


def test_a_failed_file_is_left_alone_while_it_stays_the_same(
    project: Project, store: Store
) -> None:
    drop(project, 1)
    (claim,) = look(project, store).claims
    store.fail(claim.owner, [Failure(claim.files[0].id, "broken")])
    assert look(project, store).claims == []


def test_a_name_that_cannot_be_taken_is_in_the_ledger_with_its_reason(
    project: Project, store: Store
) -> None:
    (project.folder / "nowhere.xml").symlink_to("missing")
    found = look(project, store)
    (file,) = store.files(state="unreadable")
    assert (file.path, found.claims) == ("nowhere.xml", [])
    assert "a link that leads nowhere" in (file.error or "")


def test_a_name_that_cannot_be_taken_is_in_the_summary(project: Project, store: Store) -> None:
    (project.folder / "nowhere.xml").symlink_to("missing")
    summary = look(project, store).summary()
    assert "nowhere.xml: a link that leads nowhere" in summary


def test_a_file_that_vanished_before_it_was_loaded_is_gone(project: Project, store: Store) -> None:
    drop(project, 2)
    look(project, store, MAX_FILES_PER_BATCH="1")
    (project.folder / "1.xml").unlink()
    look(project, store, MAX_FILES_PER_BATCH="1")
    assert store.files(path="1.xml")[0].status == "gone"


def test_what_changed_while_it_was_loaded_and_another_vanished_is_taken_afterwards(
    project: Project, store: Store
) -> None:
    last = LastListing()

    def look_on() -> Poll:
        (source,) = project.settings.sources
        found = Look(source, 0.0, looks.look(source))
        told = tell(found, store, last=last)
        take([told], store)
        return told

    drop(project, 2)
    running = next(c for c in look_on().claims if c.files[0].path == "0.xml")
    project.put("0.xml", "<another/>", modified_at=EARLY + 9)
    (project.folder / "1.xml").unlink()
    assert not look_on().claims
    store.release(running.owner)
    assert paths(look_on()) == [["0.xml"]]
    assert store.files(path="0.xml")[0].size == len("<another/>")


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ({"SFTP_PATTERN": "a*.xml"}, ["a.xml", "sub/a.xml"]),
        ({"SFTP_PATTERN": "A.XML"}, ["a.xml", "sub/a.xml"]),
        ({"SFTP_RECURSIVE": "false"}, ["a.xml", "b.xml"]),
        ({"SFTP_ARCHIVE_DIR": "sub"}, ["a.xml", "b.xml"]),
        ({}, ["a.xml", "b.xml", "sub/a.xml"]),
    ],
)
def test_the_settings_say_what_is_taken(
    project: Project, store: Store, settings: dict[str, str], taken: list[str]
) -> None:
    for name in ("a.xml", "b.xml", "sub/a.xml", "a.txt"):
        project.put(name, name)
    found = look(project, store, **settings)
    assert sorted(f.path for claim in found.claims for f in claim.files) == taken


def test_a_folder_with_very_many_files_is_told_with_the_cure(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.loading.poll.MANY_NAMES", 3)
    drop(project, 2)
    assert "each look lists them all" not in look(project, store).summary()
    drop(project, 3)
    assert (
        "3 files lie there, and each look lists them all: set AFTER_LOAD to archive or delete"
        in look(project, store).summary()
    )


@pytest.mark.usefixtures("no_waiting")
def test_a_server_that_is_down_is_a_transient_fault(project: Project, store: Store) -> None:
    with pytest.raises(TransientSourceError, match="can't be reached"):
        look(project, store, SFTP_PORT=str(free_port()))


def test_a_missing_folder_is_a_fault_that_stays(project: Project, store: Store) -> None:
    with pytest.raises(SourceError, match="check SFTP_REMOTE_DIR"):
        look(project, store, SFTP_REMOTE_DIR="/no/such/folder")


def test_a_poll_that_fails_takes_no_file_for_gone(project: Project, store: Store) -> None:
    drop(project, 2)
    look(project, store, MAX_FILES_PER_BATCH="1")
    with pytest.raises(SourceError):
        look(project, store, SFTP_PRIVATE_KEY_PATH="/no/such/key")
    assert store.files(path="1.xml")[0].status == "pending"


def test_the_figures_have_every_state_of_the_ledger() -> None:
    found = Poll(load({}).sources[0], listed=3, counts={"loaded": 2, "failed": 1})
    figures = Round([found], [found]).figures()
    assert (figures["loaded"], figures["failed"], figures["gone"]) == (2, 1, 0)


def loaded_long_ago(project: Project, store: Store, name: str) -> None:
    """A file that was loaded and whose loader died before it cleared it away."""
    project.put(name, "<AuditFile/>")
    look(project, store)
    with psycopg.connect(project.env["SUPABASE_DB_URL"]) as connection:
        connection.execute(
            "update invoice_files set status = 'loaded', claimed_by = null, previous_status = null,"
            " lease_expires_at = null, loaded_at = now() - interval '1 day',"
            " sha256 = encode(sha256('<AuditFile/>'), 'hex')"
        )


def test_a_loaded_file_that_was_left_on_the_server_is_archived(
    project: Project, store: Store
) -> None:
    loaded_long_ago(project, store, "left.xml")
    look(project, store, AFTER_LOAD="archive")
    assert [p.name.split("-", 2)[2] for p in project.folder.rglob("*.xml")] == ["left.xml"]


def test_a_file_left_on_the_server_whose_bytes_are_others_by_now_stays(
    project: Project, store: Store
) -> None:
    loaded_long_ago(project, store, "left.xml")
    before = (project.folder / "left.xml").stat()
    project.put("left.xml", "<OtherFile/>", modified_at=int(before.st_mtime))
    (problem,) = look(project, store, AFTER_LOAD="delete").problems
    assert "left.xml changed since it was loaded" in problem
    assert [p.name for p in project.folder.rglob("*.xml")] == ["left.xml"]


def test_a_file_left_on_the_server_stays_where_files_are_kept(
    project: Project, store: Store
) -> None:
    loaded_long_ago(project, store, "left.xml")
    look(project, store)
    assert [p.name for p in project.folder.rglob("*.xml")] == ["left.xml"]


def test_a_file_that_stays_without_its_end_is_told(project: Project, store: Store) -> None:
    project.put("half.xml", "<AuditFile>", modified_at=EARLY)
    (claim,) = look(project, store).claims
    store.fail(claim.owner, [Failure(claim.files[0].id, "no end", "incomplete")])
    assert "1 files stay without their end: half.xml" in look(project, store).problems


def test_the_age_of_the_oldest_waiting_file_is_told(project: Project, store: Store) -> None:
    drop(project, 2)
    found = look(project, store, MAX_FILES_PER_BATCH="1")
    assert found.backlog.oldest_pending_seconds is not None


def test_a_login_that_was_refused_is_not_sent_again(
    project: Project, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"SFTP_PRIVATE_KEY_PATH": str(keygen(tmp_path / "another"))}
    with pytest.raises(SourceError, match="refused the key"):
        look(project, store, **env)
    monkeypatch.setattr(looks, "connected", lambda *_: pytest.fail("it was sent again"))
    with pytest.raises(SourceError, match="refused the key"):
        look(project, store, **env)


def test_a_folder_that_cannot_be_read_is_told_and_is_no_file(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = ListingProblem(b"closed", "the folder can't be read", folder=True)
    monkeypatch.setattr(
        "saft_pipeline_tests.fixtures.project.look", lambda _: Listing(RemoteFiles(), [problem])
    )
    assert look(project, store).problems == ["closed: the folder can't be read"]
    assert store.files() == []
