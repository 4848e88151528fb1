"""How long something lasts: one way to read it in settings, and one to say it to people."""

import re
from datetime import timedelta

_LONGEST = timedelta(36_500)
_UNITS = ((86_400, 2, "d"), (3600, 1, "h"), (60, 1, "min"))


def format_duration(seconds: int) -> str:
    """`40 s`, `12 min`, `30 h`, `2 d`: as much as says something."""
    for size, least, unit in _UNITS:
        if seconds >= least * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def parse_duration(text: str) -> timedelta:
    """`90s`, `15m`, `24h` or `30d`.

    Raises:
        ValueError: it is none of these, or more than a hundred years.
    """
    match = re.fullmatch(r"([0-9]+)([smhd])", text.strip().lower())
    if not match:
        raise ValueError("a number and a unit, such as 90s, 15m, 24h or 30d")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    try:
        found = timedelta(**{unit: int(match[1])})
    except (OverflowError, ValueError):  # more digits than Python reads
        found = timedelta.max
    if found > _LONGEST:
        raise ValueError(f"{_LONGEST.days}d at most")
    return found
