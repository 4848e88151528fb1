"""What the names of files say before they are read."""

from __future__ import annotations

import re

_ENDING = r"\.[xX][mM][lL](?:\.[gG][zZ])?"
_BRANCH = re.compile(rf"[A-Za-z]{{2}}[0-9]+Y[0-9]+_[0-9]+-(?!{_ENDING}$)(.+?)(?:{_ENDING})?")


def branch_of(filename: str) -> str | None:
    """The branch in a name such as `FR202Y2025_7-Gramido.xml`; None for any other name."""
    match = _BRANCH.fullmatch(filename)
    return match[1] if match else None
