"""What was learnt of SFTP servers, kept in SAFT_HOME from one connection to the next."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from saft_pipeline.settings import Settings
from saft_pipeline.sftp.client import Quirks, Sftp, connect
from saft_pipeline.sftp.errors import TooSlowError
from saft_pipeline.sftp.model import SftpConfig

_FILE = "servers.json"
_LOCK = "servers.lock"
# Then it is learnt anew: a server may be mended, or was only busy when it allowed so little.
_KEPT_FOR = 24 * 60 * 60  # seconds
_SINCE = "since"


_slow: dict[SftpConfig, tuple[float, TooSlowError]] = {}
_SLOW_FOR = 60.0  # seconds


def note_slow(settings: Settings, error: TooSlowError) -> None:
    """A server was given up in this process."""
    _slow[settings.require_sftp()] = time.monotonic(), error


def refuse_if_slow(settings: Settings) -> None:
    """Each of many runs would wait as long for a server that drips. Raises TooSlowError."""
    found = _slow.get(settings.require_sftp())
    if found and time.monotonic() - found[0] < _SLOW_FOR:
        raise found[1]


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
    remember(settings, sftp.learnt)


def quirks_of(settings: Settings) -> Quirks:
    """What is known of the server of the settings."""
    return Quirks.of(_learnt_lately(settings))


def remember(settings: Settings, learnt: Mapping[str, Any]) -> None:
    """Keep what a connection learnt of it, beside what others learnt meanwhile."""
    if learnt:
        with _alone(settings):
            known = {_SINCE: time.time(), **_learnt_lately(settings)}
            _keep(settings, {"quirks": {**known, **learnt}})


def _learnt_lately(settings: Settings) -> dict[str, Any]:
    known = _known(settings, "quirks")
    return known if time.time() - known.get(_SINCE, 0) < _KEPT_FOR else {}


def learnt(settings: Settings) -> list[str]:
    """What was learnt of the server since this was asked last."""
    return news(settings, "said", quirks_of(settings).sayings)


def news(settings: Settings, topic: str, sayings: Sequence[str]) -> list[str]:
    """Which of the sayings on a topic weren't among the last ones: what stays is told once."""
    with _alone(settings):
        before = list(_known(settings, "told").get(topic, []))
        if [*sayings] != before:
            _keep(settings, {"told": {**_known(settings, "told"), topic: [*sayings]}})
    return [saying for saying in sayings if saying not in before]


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """While no other thread or process changes what is known, where the file system has locks."""
    with ExitStack() as stack:
        with suppress(OSError):
            settings.home.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((settings.home / _LOCK).open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _known(settings: Settings, what: str) -> dict[str, Any]:
    return _within(_within(_all(settings), settings.address), what)


def _all(settings: Settings) -> dict[str, Any]:
    try:
        found = json.loads((settings.home / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is learnt again
        return {}
    return found if isinstance(found, dict) else {}


def _within(found: dict[str, Any], name: str) -> dict[str, Any]:
    inner = found.get(name)
    return inner if isinstance(inner, dict) else {}


def _keep(settings: Settings, changed: Mapping[str, Any]) -> None:
    path, every = settings.home / _FILE, _all(settings)
    every[settings.address] = {**_within(every, settings.address), **changed}
    with suppress(OSError):  # it is learnt again
        number, name = tempfile.mkstemp(prefix=_FILE, dir=path.parent)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(every, file, indent=1)
        Path(name).replace(path)
