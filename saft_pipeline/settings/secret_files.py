"""Secrets that lie in files of their own: `API_TOKEN_FILE` names the file that holds API_TOKEN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def secrets_in_files(
    named: Mapping[str, str], secrets: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """The secrets that lie in files, and what is wrong with those files."""
    found, problems = {}, []
    for name in secrets:
        variable = f"{name}_file"
        if variable not in named:
            continue
        try:
            if name in named:
                raise ValueError(f"both this and {name.upper()} are set; keep one")
            found[name] = secret_in(Path(named[variable]).expanduser())
        except ValueError as error:
            problems.append(f"{variable.upper()}: {error}")
            # It was given, so nothing else is to call it missing.
            found[name] = "unknown"
    return found, problems


def secret_in(path: Path) -> str:
    """A secret from a file of its own. Raises ValueError: what is wrong with the file."""
    try:
        secret = path.read_text(encoding="utf-8-sig").strip()  # Windows' Notepad writes a mark
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text") from None
    if not secret:
        raise ValueError(f"{path} is empty")
    return secret
