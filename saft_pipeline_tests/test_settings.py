from __future__ import annotations

import re
from pathlib import Path

import pytest

from saft_pipeline.settings import Settings, SettingsError, load

ROOT = Path(__file__).parents[1]
SERVER = {"SFTP_HOST": "sftp.example.test", "SFTP_USERNAME": "pos", "SFTP_PASSWORD": "hunter2"}


def test_defaults_hold_with_an_empty_environment() -> None:
    settings = load({})
    assert (settings.max_files_per_batch, settings.saft_home) == (50, Path(".saft"))


def test_an_empty_value_is_an_unset_one() -> None:
    assert load({"SFTP_PORT": ""}).sftp_port == 22


def test_an_empty_variable_hides_the_same_name_in_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / "given.env"
    dotenv.write_text("SUPABASE_DB_URL=postgresql://db.example.test/x\n")
    assert load({"SUPABASE_DB_URL": ""}, dotenv).supabase_db_url is None


def test_the_environment_stands_above_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / "given.env"
    dotenv.write_text("SFTP_PORT=2022\nSFTP_REMOTE_DIR=inbox\n")
    settings = load({"SFTP_PORT": "2222"}, dotenv)
    assert (settings.sftp_port, settings.sftp_remote_dir) == (2222, "inbox")


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"SFTP_PORT": "ssh", "LEASE_SECONDS": "0", "AFTER_LOAD": "burn"})
    assert all(name in str(caught.value) for name in ("SFTP_PORT", "LEASE_SECONDS", "AFTER_LOAD"))


def test_all_missing_sftp_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({}).require_sftp()
    named = set(re.findall(r"SFTP_[A-Z_]+", str(caught.value)))
    assert named == {"SFTP_HOST", "SFTP_USERNAME", "SFTP_PASSWORD", "SFTP_PRIVATE_KEY_PATH"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SUPABASE_URL": "https://x.example.test"}, "SUPABASE_KEY"),
        ({"SUPABASE_KEY": "k"}, "SUPABASE_URL"),
        ({"SUPABASE_URL": "https://x.example.test", "SUPABASE_KEY": "k"}, "SUPABASE_DB_URL"),
        ({"SFTP_PRIVATE_KEY_PASSPHRASE": "p"}, "SFTP_PRIVATE_KEY_PATH"),
        (
            {"SFTP_KNOWN_HOSTS_PATH": "/k", "SFTP_HOST_KEY_FINGERPRINTS": "SHA256:x"},
            "SFTP_HOST_KEY_FINGERPRINTS",
        ),
    ],
)
def test_contradictory_settings_are_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(given)


def test_a_wrong_value_is_not_repeated_in_the_message() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"SFTP_PORT": "s3cret-in-the-wrong-place"})
    assert "s3cret" not in str(caught.value)


def test_no_secret_stands_in_the_repr() -> None:
    settings = load({**SERVER, "SUPABASE_DB_URL": "postgresql://u:hunter2@db.example.test/x"})
    assert "hunter2" not in repr(settings) + repr(settings.require_sftp())


def test_fingerprints_are_split_at_commas() -> None:
    settings = load({"SFTP_HOST_KEY_FINGERPRINTS": "SHA256:a, SHA256:b"})
    assert settings.sftp_host_key_fingerprints == ("SHA256:a", "SHA256:b")


def test_the_source_names_the_folder_without_the_login() -> None:
    settings = load({**SERVER, "SFTP_REMOTE_DIR": "/upload/"})
    assert settings.source == "sftp://sftp.example.test:22/upload"


def test_env_example_lists_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    assert set(given) == {name.upper() for name in Settings.model_fields}
    assert load(given) == load({})
