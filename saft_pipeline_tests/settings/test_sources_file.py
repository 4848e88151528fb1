"""SOURCES_FILE: a table for each folder, upon what the environment says; all mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from saft_pipeline.settings import Settings, SettingsError, load

ENV = {"SFTP_USERNAME": "pos", "SFTP_PASSWORD": "hunter2", "SFTP_KNOWN_HOSTS_PATH": "/keys"}
TWO = """
[gramido]
host = "a.example.test"
companies = ["500000000", 501964843]
poll_interval_seconds = 60

[shop-2]
host = "b.example.test"
username = "two"
password_file = "secret"
remote_dir = "/out"
host_key_fingerprints = ["SHA256:a"]
after_load = "Archive"
"""


def of(text: str, **env: str) -> Settings:
    Path("sources.toml").write_text(text)
    return load({"SOURCES_FILE": "sources.toml", **ENV, **env})


@pytest.fixture(autouse=True)
def _secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text("s3cret\n")


def test_a_table_stands_upon_the_environment() -> None:
    first, second = of(TWO, AFTER_LOAD="delete").sources
    assert (first.source, first.sftp_host, first.sftp_username) == (
        "gramido", "a.example.test", "pos",
    )  # fmt: skip
    assert (first.after_load, second.after_load) == ("delete", "archive")
    assert (first.poll_interval_seconds, second.poll_interval_seconds) == (60, 300)
    assert (first.companies, second.companies) == (("500000000", "501964843"), ())


@pytest.mark.parametrize(("others", "interval"), [("", 60), ("30", 30), ("7200", 60)])
def test_looks_are_as_frequent_as_one_source_asks(others: str, interval: int) -> None:
    assert of(TWO, POLL_INTERVAL_SECONDS=others).look_interval == interval


def test_a_secret_comes_from_its_file() -> None:
    _, second = of(TWO).sources
    assert second.require_sftp().password == "s3cret"


def test_a_mark_that_windows_puts_before_the_tables_is_passed_over() -> None:
    assert len(of(f"\ufeff{TWO}").sources) == 2


def test_whom_to_trust_is_what_the_table_says_alone() -> None:
    first, second = of(TWO).sources
    assert first.require_sftp().known_hosts_path == Path("/keys")
    assert second.require_sftp().known_hosts_path is None


def test_without_a_limit_no_source_has_one() -> None:
    assert {each.max_files_per_batch for each in of(TWO).without_limit().sources} == {0}


def test_a_source_was_known_by_its_address_before() -> None:
    _, second = of(TWO).sources
    before = ["sftp://two@b.example.test:22//out", "sftp://b.example.test:22/out"]
    assert second.former_names == before


WRONG = """
colour = "red"
[file]
host = "a"
[a]
password = "hunter3"
port = "first"
folder = "x"
companies = ["12"]
private_key_passphrase_file = "missing"
[b]
host = "c"
[c]
host = "c"
"""


def test_all_that_is_wrong_is_said_at_once_and_no_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        of(WRONG)
    said = str(caught.value)
    for problem in (
        "[colour] stands outside of a table",
        "[file] is no name",
        "[a] password: a secret has no place here",
        "[a] port: not a whole number",
        "[a] folder: no such key",
        "[a] companies: no tax numbers of nine digits: 12",
        "[a] private_key_passphrase_file: missing can't be read",
        "[c] is the same folder as [b]",
    ):
        assert problem in said
    assert "hunter" not in said


@pytest.mark.parametrize(
    ("text", "says"), [("", "has no table"), ("[a", "is not TOML"), ("[a]\n", "[a] host: missing")]
)
def test_a_file_that_names_no_source_is_refused(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        of(text)
    assert says in str(caught.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"SOURCES_FILE: none.toml can't be read"):
        load({"SOURCES_FILE": "none.toml"})
