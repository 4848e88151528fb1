"""SOURCES_FILE: a TOML file with a table for each SFTP folder, as far as TOML and its keys go.

Keys are settings in lower case, those of `SFTP_*` without the prefix; a secret is given by the
file that holds it. What the values mean, the settings know.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saft_pipeline.settings.secret_files import secret_in

_PLAIN = ("after_load", "max_files_per_batch", "poll_interval_seconds", "companies")
_TRUST = ("sftp_known_hosts_path", "sftp_host_key_fingerprints")
_SECRETS = ("sftp_password", "sftp_private_key_passphrase")
# It begins the keys of partitions, and must not be taken for an address or a local file.
_NAME = re.compile(r"(?!file$)[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True)
class SourceTable:
    """One source: its name, what it says by the settings' names, and what is wrong with it."""

    name: str
    given: Mapping[str, object]
    problems: list[str]

    def above(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What all settings say where the table says nothing, whom to trust in one way only."""
        hidden = _TRUST if any(key in self.given for key in _TRUST) else ()
        shown = {key: value for key, value in settings.items() if key not in hidden}
        return {**shown, **self.given, "source": self.name}


def tables(path: Path, known: Collection[str]) -> list[SourceTable]:
    """The tables of a file, in their order; `known` are the names of all settings.

    Raises:
        ValueError: it can't be read, is not TOML, or has no table; the message names it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from None
    if not document:
        raise ValueError(f"{path} has no table, as [name]")
    return [table(name, content, known) for name, content in document.items()]


def key(problem: str) -> str:
    """What is wrong with a setting, as a table of the file spells it."""
    return re.sub(r"\b(?:SFTP_)?([A-Z_]{4,})\b", lambda found: found[1].lower(), problem)


def table(
    name: str, content: object, known: Collection[str], *, secrets: bool = False
) -> SourceTable:
    """One source, from what its table says; with `secrets`, these may stand in it."""
    if not isinstance(content, Mapping):
        return SourceTable(name, {}, ["stands outside of a table: put it below a [name]"])
    problems = []
    if not _NAME.fullmatch(name):
        problems.append("is no name: letters, digits, _ and -, at most 40, and not `file`")
    given: dict[str, object] = {}
    for item, value in content.items():
        try:
            given.update(_setting(item, value, known, secrets=secrets))
        except ValueError as error:
            problems.append(f"{item}: {error}")
    return SourceTable(name, given, problems)


def _setting(
    item: str, value: object, known: Collection[str], *, secrets: bool
) -> Iterator[tuple[str, object]]:
    """The setting that a key is. Raises ValueError: what is wrong with it."""
    name = item if item in _PLAIN else f"sftp_{item}"
    of_file = name.removesuffix("_file")
    if name in _SECRETS and not secrets:
        raise ValueError(f"a secret has no place here: name the file that holds it, {item}_file")
    if name != of_file and of_file in _SECRETS:
        yield of_file, secret_in(Path(str(value)).expanduser())
    elif item == "companies" or name in known:
        yield name, value
    else:
        raise ValueError("no such key")
