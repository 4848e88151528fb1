"""Which files of this machine a client may name: regular ones that lie below configured folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from saft_pipeline.web.errors import ApiError


def find(given: str, folders: Sequence[Path]) -> Path:
    """The file that a client means: absolute, or relative to one of the folders.

    Outside of them nothing is looked at, so that no answer tells what is there.

    Raises:
        ApiError: it lies outside, a link leads out, it isn't there, or it is no regular file.
    """
    if "\0" in given or ".." in Path(given).parts:
        raise ApiError(400, "bad_path", "file_path holds `..` or a null character")
    below = [folder / given for folder in folders if (folder / given).is_relative_to(folder)]
    if not below:
        raise ApiError(
            403,
            "not_allowed",
            f"{given} is below none of the folders that may be read: "
            f"{', '.join(map(str, folders))}; nor is it a remote path that the ledger knows",
        )
    found = next((path for path in below if os.path.lexists(path)), None)
    if found is None:
        raise ApiError(404, "no_such_file", f"{given} is not there")
    return _inside(found, given, folders)


def _inside(path: Path, given: str, folders: Sequence[Path]) -> Path:
    """The file itself, once links are followed."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, in Python 3.11 and 3.12
        raise ApiError(404, "no_such_file", f"{given} is a link to nothing") from None
    if not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise ApiError(403, "not_allowed", f"{given} leads out of the folders that may be read")
    if not real.is_file():
        raise ApiError(400, "bad_path", f"{given} is not a regular file")
    return real
