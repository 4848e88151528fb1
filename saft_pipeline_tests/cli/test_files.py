"""`saft parse`, `ingest`, `status` and `retry`, as people and scripts meet them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import psycopg
import pytest

from saft_pipeline.cli.status import StateOption
from saft_pipeline.store import opening
from saft_pipeline.store.model import STATES, Failure, SeenFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Command,
    Polled,
    Project,
    broken,
    half,
    one_invoice,
    poll_once,
)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.xml"
    path.write_text(one_invoice("FT H/1", "10.50"))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.xml"
    path.write_text(broken("FT H/2"))
    return path


def test_parse_prints_one_object_a_line(saft: Command, good: Path) -> None:
    records = [json.loads(line)["record"] for line in saft("parse", good).out.splitlines()]
    assert records == ["header", "customer", "product", "invoice", "totals"]


def test_parse_prints_amounts_as_they_are_written(saft: Command, good: Path) -> None:
    invoice = json.loads(saft("parse", good).out.splitlines()[3])
    assert invoice["lines"][0]["credit_amount"] == "10.50"


def test_parse_says_nothing_beside(saft: Command, good: Path) -> None:
    done = saft("parse", good)
    assert (done.status, done.err) == (0, "")


def test_parse_names_the_place_in_a_broken_file(saft: Command, bad: Path) -> None:
    done = saft("parse", bad)
    assert done.status == 2
    assert done.err.startswith(f"{bad}:45:1: UnitPrice of invoice FT H/2 is '10,00'")


def test_parse_needs_a_file_that_is_there(saft: Command, tmp_path: Path) -> None:
    done = saft("parse", tmp_path / "nowhere.xml")
    assert (done.status, done.err) == (2, f"{tmp_path}/nowhere.xml: No such file or directory\n")


def test_parse_needs_no_setting_and_writes_nothing(tmp_path: Path, good: Path) -> None:
    before = set(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", "from saft_pipeline.cli import main; main()", "parse", good],
        cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(tmp_path.iterdir()) == before


def test_parse_ends_quietly_when_nobody_listens_any_more(good: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", "from saft_pipeline.cli import main; main()", "parse", good],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.stderr == ""


def test_ingest_loads_local_files(project: Project, saft: Command, good: Path) -> None:
    done = saft("ingest", good, "--json")
    figures = {name: done.json[name] for name in ("loaded", "failed", "invoices", "lines")}
    assert (done.status, figures) == (0, {"loaded": 1, "failed": 0, "invoices": 1, "lines": 1})


def test_ingest_needs_no_server(
    project: Project, saft: Command, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SFTP_HOST")
    assert saft("ingest", good).status == 0


def test_ingest_opens_one_store(
    project: Project, saft: Command, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Mock(wraps=opening.open_store)
    monkeypatch.setattr(opening, "open_store", opened)
    assert saft("ingest", good).status == 0
    opened.assert_called_once()


def test_ingest_leaves_the_file_where_it_is(
    project: Project, saft: Command, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTER_LOAD", "delete")
    saft("ingest", good)
    assert good.exists()


def test_ingest_takes_several_files_of_which_one_is_broken(
    project: Project, saft: Command, good: Path, bad: Path
) -> None:
    done = saft("ingest", good, bad)
    assert done.status == 1
    assert f"failed: {bad}:45:1: UnitPrice of invoice FT H/2" in done.err
    assert "1 loaded, 1 failed, 0 incomplete" in done.err


def test_ingest_tells_the_reason_of_a_broken_file_once(project: Project, bad: Path) -> None:
    assert project.saft("ingest", bad).stderr.count("UnitPrice") == 1


def test_ingest_tags_its_run_with_how_many_files_it_has(
    project: Project, saft: Command, good: Path, bad: Path
) -> None:
    from saft_pipeline.dagster_runtime.instance import open_instance
    from saft_pipeline.dagster_runtime.runs import number_of_files

    saft("ingest", good, bad)
    with open_instance(project.settings) as instance:
        assert number_of_files(instance.get_runs(limit=1)[0]) == 2


def test_ingest_tells_an_incomplete_file_from_a_broken_one(
    project: Project, saft: Command, tmp_path: Path
) -> None:
    path = tmp_path / "half.xml"
    path.write_text(half("FT H/3"))
    found = saft("ingest", path, "--json").json
    assert (found["failed"], found["incomplete"]) == (0, 1)


def test_ingest_again_changes_nothing(project: Project, saft: Command, good: Path) -> None:
    saft("ingest", good)
    (file,) = saft("ingest", good, "--json").json["files"]
    assert (file["version"], file["status"]) == (1, "loaded")


def test_ingest_takes_a_file_that_is_named_twice_once(
    project: Project, saft: Command, good: Path, tmp_path: Path
) -> None:
    assert saft("ingest", good, Path(os.path.relpath(good)), "--json").json["loaded"] == 1


def test_ingest_loads_a_file_whose_name_is_not_utf_8(
    project: Project, saft: Command, good: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(good.parent) + b"/caf\xe9.xml"))
    good.rename(odd)
    assert saft("ingest", odd, "--json").json["loaded"] == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere.xml", "No such file or directory"),
        ("folder", "a folder; name the files in it, as FOLDER/*.xml"),
    ],
)
def test_ingest_takes_nothing_if_one_path_is_no_file(
    project: Project, saft: Command, store: Store, good: Path, name: str, reason: str
) -> None:
    (good.parent / "folder").mkdir()
    done = saft("ingest", good, good.parent / name)
    assert (done.status, done.err) == (2, f"{good.parent / name}: {reason}\n")
    assert store.counts() == {}


def test_ingest_leaves_a_file_to_the_run_that_has_it(
    project: Project, saft: Command, store: Store, good: Path
) -> None:
    saft("ingest", good)
    (file,) = store.files()
    store.claim("another", lease=timedelta(minutes=2), ids=[file.id])
    done = saft("ingest", good)
    assert done.status == 1
    assert f"running: {good}" in done.err
    assert "0 failed, 0 incomplete, 1 with another run" in done.err


_KILLED_BEFORE_ITS_RUN = """
import os, signal
from saft_pipeline.cli import main
from saft_pipeline.dagster_runtime.in_process import LocalRuns
LocalRuns.execute = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def test_ingest_takes_at_once_what_a_killed_one_had_claimed_before_its_run_began(
    project: Project, saft: Command, good: Path
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_BEFORE_ITS_RUN, "ingest", good],
        env={**os.environ, **project.env}, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert saft("ingest", good, "--json").json["loaded"] == 1


@pytest.fixture
def seen(polled: Polled, monkeypatch: pytest.MonkeyPatch) -> Polled:
    """An installation that has polled, as the environment of the command."""
    for name, value in polled.project.env.items():
        monkeypatch.setenv(name, value)
    return polled


def test_status_counts_the_files_by_state(seen: Polled, saft: Command) -> None:
    done = saft("status")
    assert done.err.endswith(":\n1 failed, 1 gone, 1 incomplete, 3 loaded\n")


def test_status_shows_whole_paths_however_narrow_the_screen(seen: Polled, saft: Command) -> None:
    paths = {line.split()[-1] for line in saft("status", "--state", "loaded").out.splitlines()}
    assert paths == {"file", "twin.xml", "sub/warned.xml", "good.xml"}


def test_status_shows_the_reason_below_the_file(seen: Polled, saft: Command) -> None:
    _, file, reason = saft("status", "--state", "failed").out.splitlines()
    assert file.split() == ["failed", "1", "1", "broken.xml"]
    assert reason == (
        "    45:1: UnitPrice of invoice FT A/3 is '10,00', not a decimal number such as 1234.56"
    )


def test_status_shows_what_wants_looking_at_first(seen: Polled, saft: Command) -> None:
    states = [line.split()[0] for line in saft("status").out.splitlines() if line[0] != " "]
    assert states == ["state", "failed", "gone", "incomplete", "loaded", "loaded", "loaded"]


def test_status_of_one_path_shows_it_alone(seen: Polled, saft: Command) -> None:
    assert [f["path"] for f in saft("status", "good.xml", "--json").json["files"]] == ["good.xml"]


def test_status_of_one_path_says_what_checks_found(seen: Polled, saft: Command) -> None:
    warned = saft("status", "sub/warned.xml").out.splitlines()[-1]
    assert warned.startswith("    line 21: control_totals: ")


def test_status_as_json_has_reason_and_attempts(seen: Polled, saft: Command) -> None:
    (file,) = saft("status", "--state", "failed", "--json").json["files"]
    assert (file["attempts"], file["error"].partition(":")[0]) == (1, "broken.xml")


def test_status_as_json_has_every_file(seen: Polled, saft: Command) -> None:
    assert len(saft("status", "--json").json["files"]) == 6


@pytest.fixture
def waiting(project: Project, store: Store) -> None:
    """Two files that wait, the older for two hours, and one of another folder for one."""
    now = datetime.now(UTC)
    for source, path in (("s", "a.xml"), ("s", "b.xml"), ("t", "c.xml")):
        store.observe(source, [SeenFile(path, path, None, 1, now)], whole=False)
    ages = "update invoice_files set first_seen_at = now() - %s * interval '1 hour' where path = %s"
    with psycopg.connect(project.env["SUPABASE_DB_URL"]) as connection:
        for hours, path in ((2, "a.xml"), (1, "c.xml")):
            connection.execute(ages, [hours, path])


@pytest.mark.usefixtures("waiting")
def test_status_says_how_many_wait_and_for_how_long(saft: Command) -> None:
    assert "3 wait to be loaded, the oldest for 2 h\n" in saft("status").err


@pytest.mark.usefixtures("waiting")
def test_status_as_json_has_the_backlog(saft: Command) -> None:
    backlog = saft("status", "--json").json["backlog"]
    assert (backlog["pending"], backlog["oldest_pending_seconds"] // 3600) == (3, 2)


def test_status_as_json_has_no_age_if_nothing_waits(seen: Polled, saft: Command) -> None:
    backlog = saft("status", "--json").json["backlog"]
    assert backlog == {"pending": 0, "oldest_pending_seconds": None}


def test_status_of_an_unknown_path_says_so(seen: Polled, saft: Command) -> None:
    done = saft("status", "nobody.xml")
    assert (done.status, done.out) == (2, "")
    assert "nobody.xml: not in the ledger" in done.err


def test_status_of_a_file_in_another_state_says_which(seen: Polled, saft: Command) -> None:
    done = saft("status", "good.xml", "--state", "failed")
    assert (done.status, done.err) == (2, "good.xml: it is loaded, not failed\n")


def test_status_of_an_unknown_state_names_the_known_ones(seen: Polled, saft: Command) -> None:
    done = saft("status", "--state", "sleeping")
    assert done.status == 2
    assert all(state in done.err for state in STATES)


def test_status_knows_the_states_of_the_ledger() -> None:
    assert set(StateOption) == set(STATES)


def test_status_of_an_empty_ledger_says_so(project: Project, store: Store, saft: Command) -> None:
    done = saft("status")
    assert (done.status, done.out) == (0, "")
    assert done.err.endswith(":\nthe ledger is empty\n")


def test_status_names_the_rest_of_a_long_list(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.cli.status._SHOWN", 2)
    monkeypatch.setenv("MAX_FILES_PER_BATCH", "1")
    for number in range(4):
        project.put(f"{number}.xml", one_invoice(f"FT H/{number}"))
    saft("poll")
    assert "all of them: saft status --state pending" in saft("status").err


def test_status_says_when_a_file_is_tried_again(
    project: Project, saft: Command, store: Store
) -> None:
    fail(project, store, retry_after=timedelta(hours=1))
    assert "tried again after 20" in saft("status").out


def fail(project: Project, store: Store, retry_after: timedelta | None = None) -> None:
    """Have one file fail."""
    project.put("f.xml", one_invoice("FT H/1"))
    (claim,) = poll_once(project.settings, store, turn_of=lambda _: "came").claims
    store.fail(claim.owner, [Failure(claim.files[0].id, "broken", retry_after=retry_after)])


@pytest.mark.parametrize("words", [["f.xml"], ["--failed"]])
def test_retry_lets_a_failed_file_be_taken_again(
    project: Project, saft: Command, store: Store, words: list[str]
) -> None:
    fail(project, store)
    done = saft("retry", *words, "--json")
    assert (done.status, done.json) == (0, {"pending": 1, "files": ["f.xml"]})
    assert store.files()[0].status == "pending"


def test_a_file_that_is_tried_again_is_loaded_by_the_next_poll(
    project: Project, saft: Command, store: Store
) -> None:
    fail(project, store)
    saft("retry", "f.xml")
    assert saft("poll", "--json").json["loaded"] == 1


def test_retry_says_that_no_poll_takes_a_local_file(
    project: Project, saft: Command, bad: Path
) -> None:
    saft("ingest", bad)
    done = saft("retry", bad)
    assert f"{bad}: a file of this machine, which no poll takes: saft ingest {bad}" in done.err
    assert "files that wait for the next poll (saft poll): 0" in done.err


@pytest.mark.usefixtures("store")
def test_retry_of_a_source_that_there_is_none_of_names_those(
    project: Project, saft: Command
) -> None:
    done = saft("retry", "--failed", "--source", "typo")
    assert done.status == 2
    assert "no file of typo in the ledger; sources: sftp://" in done.err


def test_retry_names_a_file_that_cannot_be_taken_again(project: Project, saft: Command) -> None:
    done = saft("retry", "nobody.xml")
    assert done.status == 1
    assert "nobody.xml: not taken" in done.err


@pytest.mark.parametrize("words", [[], ["f.xml", "--failed"]])
def test_retry_wants_names_or_all(project: Project, saft: Command, words: list[str]) -> None:
    done = saft("retry", *words)
    assert done.status == 2
    assert "name the files to take again, or say --failed" in done.err
