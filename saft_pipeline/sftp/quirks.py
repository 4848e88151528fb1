"""What was learnt of a server that does otherwise than the protocol says, or than most servers do.

A quirk is data that the code asks for, never a branch on a server's name. They are learnt on the
way, kept by the caller, and given again with the next connection.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass
class Quirks:
    """One server's quirks; what nothing is known of is as it should be.

    `open_files`, `requests` and `connections` are the most at once that it was seen to allow.
    """

    one_handle_for_several: bool = False
    open_files: int | None = None
    requests: int | None = None
    connections: int | None = None
    fstat: bool = True
    reads_past_end: bool = True
    answers_close: bool = True
    types_by_stat: bool = True
    sizes: bool = True
    times: bool = True
    removes: bool = True
    renames: bool = True

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Quirks":
        """Make them of what `dataclasses.asdict` gave; names of another version are passed over."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in known})

    @property
    def sayings(self) -> list[str]:
        """What people are told of them: what the server does, and what is done about it."""
        return [
            text.format(getattr(self, name))
            for name, text in _SAYINGS.items()
            if getattr(self, name) != getattr(_USUAL, name)
        ]


_USUAL = Quirks()
_SAYINGS = {
    "one_handle_for_several": (
        "this server gives one handle for several open files: one is open at a time"
    ),
    "open_files": "this server allows {0} open files: {0} are used",
    "requests": "this server allows {0} requests at once: {0} are used",
    "connections": "this server allows {0} connections at once: {0} are used",
    "fstat": (
        "this server doesn't tell size and time of an open file: they are asked for by its path"
    ),
    "reads_past_end": "this server never answers a read at the end of a file: none is sent",
    "answers_close": "this server never says that a file is closed: it isn't waited for",
    "types_by_stat": "this server doesn't tell files from folders: its long names or OPENDIR do",
    "sizes": (
        "this server gives wrong sizes: such files are read to their end twice and must be the same"
    ),
    "times": (
        "this server gives the time of each look as every file's: only another size tells that a "
        "file changed"
    ),
    "removes": "this server says that it deletes files and doesn't: they stay on the server",
    "renames": "this server doesn't rename files, or only says so: they stay on the server",
}
