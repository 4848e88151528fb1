from __future__ import annotations

import re
from pathlib import Path

import pytest

from saft_pipeline.settings import Settings, SettingsError, in_use, load, origins

ROOT = Path(__file__).parents[2]
SERVER = {"SFTP_HOST": "sftp.example.test", "SFTP_USERNAME": "pos", "SFTP_PASSWORD": "hunter2"}


def test_defaults_hold_with_an_empty_environment() -> None:
    settings = load({})
    assert (settings.max_files_per_batch, settings.saft_home) == (50, Path(".saft"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", "chave-é"),
        ("API_TOKEN", "a b"),
        ("WEB_LOGIN", "maria"),
        ("WEB_LOGIN", "a:,b:c"),
    ],
)
def test_what_could_never_match_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({name: value})


def test_an_empty_value_is_an_unset_one() -> None:
    assert load({"SFTP_PORT": ""}).sftp_port == 22


def test_an_empty_value_hides_none_that_is_set_elsewhere(tmp_path: Path) -> None:
    dotenv = tmp_path / "given.env"
    dotenv.write_text("SFTP_REMOTE_DIR=inbox\nSFTP_PORT=\n")
    settings = load({"SFTP_REMOTE_DIR": "", "SFTP_PORT": "2222"}, dotenv)
    assert (settings.sftp_remote_dir, settings.sftp_port) == ("inbox", 2222)


def test_settings_in_use_are_those_that_are_loaded() -> None:
    with in_use(load({"SFTP_PORT": "2222"})):
        assert load().sftp_port == 2222
    assert load().sftp_port == 22


def test_where_each_value_comes_from_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("SFTP_PORT=2022\nSFTP_REMOTE_DIR=inbox\nOTHER=x\nSFTP_HOST=\n")
    monkeypatch.setenv("SFTP_PORT", "2222")
    assert origins() == {"SFTP_PORT": "environment", "SFTP_REMOTE_DIR": str(tmp_path / ".env")}


@pytest.mark.parametrize("value", ["pa${x}ss", "'pa${x}ss'", '"${HOST}${x}"'])
def test_a_password_that_dotenv_would_change_is_refused_unshown(tmp_path: Path, value: str) -> None:
    dotenv = tmp_path / "given.env"
    dotenv.write_text(f"HOST=pos\nSFTP_PASSWORD={value}\nOTHER=${{y}}\n")
    with pytest.raises(SettingsError) as refused:
        load({}, dotenv)
    assert re.search(f"SFTP_PASSWORD: in {dotenv} .* SFTP_PASSWORD_FILE", str(refused.value))
    assert not re.search(r"OTHER|pa\$|\$\{x", str(refused.value))


@pytest.mark.parametrize("value", ["${HOST}.test", "${PLACE}.test", "${NONE:-pos}.test"])
def test_a_value_may_refer_to_what_is_set_or_has_a_default(tmp_path: Path, value: str) -> None:
    dotenv = tmp_path / "given.env"
    dotenv.write_text(f"HOST=pos\nSFTP_REMOTE_DIR={value}\n")
    assert load({"PLACE": "pos"}, dotenv).sftp_remote_dir.endswith(".test")


def test_a_dotenv_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    dotenv = tmp_path / "given.env"
    dotenv.write_bytes("SFTP_HOST=pos\nSFTP_PASSWORD=palavra-passe-é\n".encode("cp1252"))
    with pytest.raises(SettingsError, match=f"{dotenv}, line 2: it is no UTF-8"):
        load({}, dotenv)


def test_the_environment_stands_above_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / "given.env"
    dotenv.write_text("SFTP_PORT=2022\nSFTP_REMOTE_DIR=inbox\n")
    settings = load({"SFTP_PORT": "2222"}, dotenv)
    assert (settings.sftp_port, settings.sftp_remote_dir) == (2222, "inbox")


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"SFTP_PORT": "ssh", "LEASE_SECONDS": "0", "AFTER_LOAD": "burn"})
    assert all(name in str(caught.value) for name in ("SFTP_PORT", "LEASE_SECONDS", "AFTER_LOAD"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SFTP_PORT", "x", "not a whole number"),
        ("SFTP_PORT", "0", "must be 1 or more"),
        ("SFTP_TIMEOUT_SECONDS", "0", "must be more than 0"),
        ("SFTP_RECURSIVE", "x", "neither true nor false"),
        ("AFTER_LOAD", "burn", "must be one of 'keep', 'archive' or 'delete'"),
        ("PRUNE_AFTER", "x", "a number and a unit, such as 90s, 15m, 24h or 30d"),
    ],
)
def test_a_wrong_value_is_told_in_our_own_words(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({name: value})
    assert str(raised.value).splitlines()[1:] == [f"  {name}: {said}"]


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
        ({"SFTP_PRIVATE_KEY_PASSPHRASE": "p"}, "SFTP_PRIVATE_KEY_PATH"),
        (
            {"SFTP_KNOWN_HOSTS_PATH": "/k", "SFTP_HOST_KEY_FINGERPRINTS": "SHA256:x"},
            "SFTP_HOST_KEY_FINGERPRINTS",
        ),
        ({"ALERT_WEBHOOK_URL": "hooks.example.test/x"}, "ALERT_WEBHOOK_URL: not an address"),
        ({"ALERT_SMTP_URL": "mail.example.test:25"}, "ALERT_SMTP_URL: not an address"),
        ({"ALERT_SMTP_URL": "smtp://mail.example.test"}, "ALERT_EMAIL_FROM: missing"),
        ({"ALERT_EMAIL_FROM": "saft@example.test"}, "ALERT_EMAIL_TO: missing"),
        ({"REDIS_URL": "amqp://mq.example.test"}, "REDIS_URL: not an address"),
        ({"REDIS_URL": "redis://mq.example.test"}, "DAGSTER_DB_URL: missing; with REDIS_URL"),
        ({"REDIS_URL": "redis://mq.example.test"}, "SUPABASE_DB_URL: missing; with REDIS_URL"),
        (
            {"SUPABASE_DB_URL": "postgresql://h/x", "DAGSTER_DB_URL": "postgresql://h/x"},
            "DAGSTER_DB_URL: the tables' own",
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


SECRETS = [
    "SFTP_PASSWORD",
    "SFTP_PRIVATE_KEY_PASSPHRASE",
    "SUPABASE_DB_URL",
    "SUPABASE_KEY",
    "REDIS_URL",
    "DAGSTER_DB_URL",
    "API_TOKEN",
    "WEB_LOGIN",
    "ALERT_WEBHOOK_URL",
    "REPORT_WEBHOOK_URL",
    "ALERT_SMTP_URL",
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_lie_in_a_file(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    complete = {
        "SFTP_PRIVATE_KEY_PATH": "/key",
        "SUPABASE_URL": "https://x.example.test",
        "SUPABASE_KEY": "k",
        "SUPABASE_DB_URL": "postgresql://db.example.test/x",
        "ALERT_EMAIL_FROM": "saft@example.test",
        "ALERT_EMAIL_TO": "it@example.test",
        "ALERT_SMTP_URL": "smtp://mail.example.test",
        "DAGSTER_DB_URL": "postgresql://db.example.test/dagster",
        "SAFT_ARTIFACTS_URL": "file:///mnt/shared",
    }
    schemes = {"ALERT_SMTP_URL": "smtp", "REDIS_URL": "redis"}
    secret.write_text(f"{schemes.get(name, 'https')}://hunter2.example.test\n")
    complete.pop(name, None)
    value = getattr(load({**complete, f"{name}_FILE": str(secret)}), name.lower())
    assert value.get_secret_value() == secret.read_text().strip()


def test_every_secret_is_known_to_be_one() -> None:
    secrets = [n for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)]
    assert {name.upper() for name in secrets} == set(SECRETS)


def test_what_is_no_secret_is_not_read_from_a_file(tmp_path: Path) -> None:
    port = tmp_path / "port"
    port.write_text("2222")
    assert load({"SFTP_PORT_FILE": str(port)}).sftp_port == 22


def test_a_mark_that_windows_puts_before_a_secret_is_none_of_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2", encoding="utf-8-sig")
    found = load({"API_TOKEN_FILE": str(token)}).api_token
    assert found
    assert found.get_secret_value() == "hunter2"


def test_a_secret_and_its_file_contradict_each_other(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    with pytest.raises(SettingsError, match="API_TOKEN_FILE: both this and API_TOKEN are set"):
        load({"API_TOKEN": "other", "API_TOKEN_FILE": str(secret)})


def test_files_that_cannot_be_read_are_named_with_all_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    given = {
        "SFTP_PASSWORD_FILE": str(tmp_path / "missing"),
        "API_TOKEN_FILE": str(tmp_path / "empty"),
        "SUPABASE_DB_URL_FILE": str(tmp_path / "binary"),
        "SUPABASE_URL": "https://x.example.test",
    }
    with pytest.raises(SettingsError) as wrong_files:
        load(given)
    with pytest.raises(SettingsError) as wrong_value:
        load({**given, "SFTP_PORT": "ssh"})
    lines = [line.split(" ")[2] for line in str(wrong_files.value).splitlines()[1:]]
    assert lines == [
        "SFTP_PASSWORD_FILE:", "SUPABASE_DB_URL_FILE:", "API_TOKEN_FILE:", "SUPABASE_KEY:",
    ]  # fmt: skip
    assert all(name in str(wrong_value.value) for name in (*lines[:3], "SFTP_PORT"))


def test_mail_addresses_are_split_at_commas() -> None:
    mail = {"ALERT_SMTP_URL": "smtp://mail.example.test", "ALERT_EMAIL_FROM": "saft@example.test"}
    settings = load({**mail, "ALERT_EMAIL_TO": "a@example.test, b@example.test"})
    assert settings.alert_email_to == ("a@example.test", "b@example.test")


def test_checks_that_block_are_split_at_commas() -> None:
    assert load({"BLOCK_ON": "gross_total, nif"}).block_on == ("gross_total", "nif")


def test_an_unknown_check_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=r"BLOCK_ON: .*: totals; .*gross_total.*master_files"):
        load({"BLOCK_ON": "totals,nif"})


def test_fingerprints_are_split_at_commas() -> None:
    settings = load({"SFTP_HOST_KEY_FINGERPRINTS": "SHA256:a, SHA256:b"})
    assert settings.sftp_host_key_fingerprints == ("SHA256:a", "SHA256:b")


@pytest.mark.parametrize(
    ("folder", "shown"), [(".", "."), ("upload/", "upload"), ("/upload/", "/upload"), ("/", "/")]
)
def test_the_source_names_the_account_and_the_folder(folder: str, shown: str) -> None:
    (source,) = load({**SERVER, "SFTP_REMOTE_DIR": folder}).sources
    assert source.source == f"sftp://pos@sftp.example.test:22/{shown}"


def test_env_example_lists_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    assert set(given) == {name.upper() for name in Settings.model_fields}
    assert load(given) == load({})
