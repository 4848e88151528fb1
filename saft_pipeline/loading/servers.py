"""What was learnt of SFTP servers, kept in SAFT_HOME from one connection to the next."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from saft_pipeline.settings import Settings
from saft_pipeline.sftp.client import Quirks, Sftp, connect

_FILE = "servers.json"
_writing = threading.Lock()


@contextmanager
def connected(settings: Settings, within: float | None = None) -> Iterator[Sftp]:
    """A connection that knows what was learnt of the server, and leaves what it learns itself.

    Within so many seconds it is made or given up. Raises SftpError, SettingsError.
    """
    sftp = open_connection(settings, within)
    try:
        yield sftp
    finally:
        close_connection(settings, sftp)


def open_connection(settings: Settings, within: float | None = None) -> Sftp:
    """Log in, knowing what was learnt of the server. Raises SftpError, SettingsError."""
    config = settings.require_sftp()
    if within is not None:
        config = replace(config, timeout=max(1.0, min(config.timeout, within)))
    return connect(config, quirks_of(settings))


def close_connection(settings: Settings, sftp: Sftp) -> None:
    """End it, and keep what was learnt."""
    sftp.close()
    remember(settings, sftp.quirks)


def quirks_of(settings: Settings) -> Quirks:
    """What is known of the server of the settings."""
    return Quirks.of(_known(settings).get("quirks", {}))


def remember(settings: Settings, quirks: Quirks) -> None:
    """Keep what was learnt of it."""
    known = _known(settings)
    if asdict(quirks) != asdict(Quirks.of(known.get("quirks", {}))):
        _keep(settings, {**known, "quirks": asdict(quirks)})


def learnt(settings: Settings) -> list[str]:
    """What was learnt of the server since this was asked last."""
    return news(settings, "said", quirks_of(settings).sayings)


def news(settings: Settings, topic: str, sayings: Sequence[str]) -> list[str]:
    """Which of the sayings on a topic weren't among the last ones: what stays is told once."""
    known = _known(settings)
    before = known.get(topic, [])
    if [*sayings] != before:
        _keep(settings, {**known, topic: [*sayings]})
    return [saying for saying in sayings if saying not in before]


def _known(settings: Settings) -> dict[str, Any]:
    found = _all(settings.home / _FILE).get(settings.address, {})
    return found if isinstance(found, dict) else {}


def _all(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is learnt again
        return {}
    return found if isinstance(found, dict) else {}


def _keep(settings: Settings, known: dict[str, Any]) -> None:
    path = settings.home / _FILE
    with _writing, suppress(OSError):  # it is learnt again
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=_FILE, dir=path.parent)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump({**_all(path), settings.address: known}, file, indent=1)
        Path(name).replace(path)
