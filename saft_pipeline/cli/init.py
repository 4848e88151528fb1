"""`saft init`: asks for server, login and database, writes `.env`, and has all of it checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import typer

from saft_pipeline.cli.check import check
from saft_pipeline.cli.output import CannotRunError, say
from saft_pipeline.settings.environment import in_dotenv

_DOTENV = Path(".env")
_NONE = "-"
_EXCLUSIVE = {
    "SFTP_PASSWORD": ("SFTP_PRIVATE_KEY_PATH", "SFTP_PRIVATE_KEY_PASSPHRASE"),
    "SFTP_PRIVATE_KEY_PATH": ("SFTP_PASSWORD",),
    "SFTP_HOST_KEY_FINGERPRINTS": ("SFTP_KNOWN_HOSTS_PATH",),
    "SUPABASE_DB_URL": ("SUPABASE_URL", "SUPABASE_KEY"),
    "SUPABASE_URL": ("SUPABASE_DB_URL",),
}


def init() -> None:
    """Ask for server, login and database, write `.env`, and check it."""
    known = {name: value for name, value in in_dotenv(_DOTENV).items() if value}
    say(f"For {_DOTENV.absolute()}. Enter keeps what is in brackets, {_NONE} leaves it empty;")
    say("Ctrl-C writes nothing.")
    given = {**_server(known), **_login(known), **_database(known)}
    _write(_DOTENV, given)
    say(f"written: {_DOTENV.absolute()}, for you alone to read; now all of it is tried:")
    check()


def _ask(text: str, default: str | None = None, *, secret: bool = False) -> str:
    """An answer; a secret is not shown. Enter keeps what is known, and - is none."""
    if secret:
        kept = " [as before]" if default else ""
        typed = typer.prompt(f"{text}{kept}", default="", hide_input=True, show_default=False)
        answer = str(typed).strip() or default or ""
    else:
        answer = str(typer.prompt(text, default=default or "", show_default=bool(default))).strip()
    return "" if answer == _NONE else answer


def _required(text: str, default: str | None = None) -> str:
    while not (answer := _ask(text, default)):
        say("this can't be left empty")
    return answer


def _server(known: Mapping[str, str]) -> dict[str, str]:
    """Where, as whom, and the key by which the server is known."""
    from saft_pipeline.sftp.client import host_key
    from saft_pipeline.sftp.model import SftpConfig

    host = _required("SFTP server", known.get("SFTP_HOST"))
    port = _required("port", known.get("SFTP_PORT", "22"))
    if not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 1 << 16):
        raise CannotRunError(f"port {port}: not a number between 1 and 65535; nothing was written")
    user = _required("user name", known.get("SFTP_USERNAME"))
    key = host_key(SftpConfig(host=host, port=int(port), username=user))
    say(f"{host}:{port} shows this key: {key.kind} {key.fingerprint}")
    say("Compare it with what the server's owner tells you, by telephone or on their web site.")
    is_known = key.fingerprint in known.get("SFTP_HOST_KEY_FINGERPRINTS", "")
    if not typer.confirm("is it the same", default=is_known):
        raise CannotRunError("the server's key is not trusted; nothing was written")
    return {
        "SFTP_HOST": host,
        "SFTP_PORT": port,
        "SFTP_USERNAME": user,
        "SFTP_HOST_KEY_FINGERPRINTS": key.fingerprint,
    }


def _login(known: Mapping[str, str]) -> dict[str, str]:
    key = _ask("private key file, or none for a password", known.get("SFTP_PRIVATE_KEY_PATH"))
    if key:
        phrase = _ask(
            "its passphrase, if it has one", known.get("SFTP_PRIVATE_KEY_PASSPHRASE"), secret=True
        )
        found = {"SFTP_PRIVATE_KEY_PATH": key, "SFTP_PRIVATE_KEY_PASSPHRASE": phrase}
    else:
        found = {"SFTP_PASSWORD": _ask("password", known.get("SFTP_PASSWORD"), secret=True)}
    folder = _ask("folder on the server", known.get("SFTP_REMOTE_DIR", "."))
    return {**found, "SFTP_REMOTE_DIR": folder}


def _database(known: Mapping[str, str]) -> dict[str, str]:
    say("The database: an address as Supabase shows it (Connect, Session pooler), a project's")
    say("https:// address, or none for a database of its own on this machine. It is not shown.")
    before = known.get("SUPABASE_DB_URL") or known.get("SUPABASE_URL")
    address = _ask("database", before, secret=True)
    if address.startswith(("http://", "https://")):
        key = _ask("the project's secret key", known.get("SUPABASE_KEY"), secret=True)
        return {"SUPABASE_URL": address, "SUPABASE_KEY": key}
    return {"SUPABASE_DB_URL": address}


def _write(path: Path, given: Mapping[str, str]) -> None:
    """Put settings into `.env`, for its owner alone; its other lines stay as they are."""
    old = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    replaced = {*given, *(other for name in given for other in _EXCLUSIVE.get(name, ()))}
    kept = [line for line in old if _name(line) not in replaced]
    lines = [*kept, *(f"{name}={_quoted(value)}" for name, value in given.items() if value)]
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write("".join(f"{line}\n" for line in lines).encode())
        read = in_dotenv(aside)
        if lost := [name for name, value in given.items() if value and read.get(name) != value]:
            raise CannotRunError(
                f"{', '.join(lost)}: .env can't hold ${{…}}; put it into a file of its own and set "
                f"{lost[0]}_FILE; nothing was written"
            )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _name(line: str) -> str:
    match = re.match(r"\s*(?:export\s+)?([A-Z_]+)\s*=", line)
    return match[1] if match else ""


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
