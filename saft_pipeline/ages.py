"""How long something has lasted, as people say it."""

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def age(seconds: int) -> str:
    """`40 s`, `12 min`, `3 h`, `2 d`: as much as says something."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
