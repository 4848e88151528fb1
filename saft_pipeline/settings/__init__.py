"""The one place that reads settings: environment variables, and `.env` in the working folder.

Nothing is read at import; `load` does it, and names every missing or wrong setting at once. The
environment stands above `.env`, which stands above the defaults; an empty value is an unset one. A
secret may lie in a file of its own: `API_TOKEN_FILE` names the file that holds `API_TOKEN`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from saft_pipeline.settings import sources_file
from saft_pipeline.settings.contradictions import contradictions, explained
from saft_pipeline.settings.environment import dangling, read_variables
from saft_pipeline.settings.model import (
    Settings,
    SettingsError,
    SourceSettings,
    listing,
    sources_of,
)
from saft_pipeline.settings.secret_files import secrets_in_files

__all__ = ["Settings", "SettingsError", "SourceSettings", "in_use", "load", "origins", "variables"]

# What `in_use` has set: Dagster makes our definitions, storage and launcher by name, so nothing
# can be handed to them.
_in_use: list[Settings] = []


@contextmanager
def in_use(settings: Settings) -> Iterator[None]:
    """Have `load()` answer these settings in all of this process, until the block ends."""
    _in_use.append(settings)
    try:
        yield
    finally:
        _in_use.remove(settings)


def load(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """The settings in use, else those of the environment and `.env`, or of what is given.

    Raises:
        SettingsError: naming every wrong or contradictory setting, never a secret's value.
    """
    if environ is None and dotenv is None and _in_use:
        return _in_use[-1]
    named = {name: value for name, (value, _) in read_variables(environ, dotenv).items()}
    known: dict[str, Any] = {k: v for k, v in named.items() if k in Settings.model_fields}
    in_files, problems = secrets_in_files(named, _secrets())
    problems += [
        f"{name.upper()}: in {path} it holds ${{…}}, which stands for a variable that isn't set; "
        f"put a secret like that into a file of its own, and its place into {name.upper()}_FILE"
        for name, path in dangling(environ, dotenv).items()
        if name in Settings.model_fields
    ]
    try:
        settings = Settings(**{**known, **in_files})
    except ValidationError as error:
        raise SettingsError(listing([*problems, *map(explained, error.errors())])) from None
    if settings.sources_file:
        settings._sources, wrong = _sources_in(settings, settings.sources_file.expanduser())
        problems += wrong
    if problems := [*problems, *contradictions(settings)]:
        raise SettingsError(listing(problems))
    return settings


def variables() -> set[str]:
    """Every variable that is a setting, or names the file of one."""
    return {
        name for field in Settings.model_fields for name in (field.upper(), f"{field}_FILE".upper())
    }


def origins() -> dict[str, str]:
    """Where the value of each setting that is set comes from: `environment`, or the `.env`."""
    ours = variables()
    found = {name.upper(): origin for name, (_, origin) in read_variables().items()}
    return {name: origin for name, origin in sorted(found.items()) if name in ours}


def _sources_in(settings: Settings, path: Path) -> tuple[tuple[SourceSettings, ...], list[str]]:
    """The tables of SOURCES_FILE, each upon what the environment says; what is wrong with any."""
    try:
        tables = sources_file.tables(path, known=set(Settings.model_fields))
    except ValueError as error:
        return (), [f"SOURCES_FILE: {error}"]
    sources, problems = sources_of(settings, tables)
    return sources, [f"SOURCES_FILE: {problem}" for problem in problems]


def _secrets() -> list[str]:
    fields = Settings.model_fields.items()
    return [name for name, field in fields if field.annotation == SecretStr | None]
