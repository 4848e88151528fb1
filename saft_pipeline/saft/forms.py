"""Forms: elements of a layout of which the same are empty, with texts that are values as they are.

Nearly all elements have one of a few forms; they are read without a look at each text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saft_pipeline.saft.json_text import picker
from saft_pipeline.saft.values import Cleaned, Unchanged

_BETWEEN = "\0"  # no text has it


class Form:
    """The texts that are `present`, of those whose values are `cleaned`.

    `key` is a hash of what else is said by an element than its texts.
    """

    def __init__(self, cleaned: Sequence[Cleaned], present: Sequence[int], key: int) -> None:
        self.present = present
        self.key = key
        self.empty: Sequence[int] = ()  # of those that can't be
        self.is_known = False  # to who writes
        self.writer: Any = None  # theirs
        self.plan: Any = None  # the rules'
        self._pick = picker(present)
        absent = sorted({*range(len(cleaned))}.difference(present))
        self._pick_absent = picker(absent)
        self._absent = (None,) * len(absent)
        of_kinds: dict[Unchanged, list[int]] = {}
        for at, n in enumerate(present):
            if unchanged := cleaned[n].unchanged:
                of_kinds.setdefault(unchanged, []).append(at)
        self._of_kinds = [(unchanged.holds, picker(of)) for unchanged, of in of_kinds.items()]

    def text(self, texts: Sequence[str | None]) -> str:
        """All that an element says, as one text; empty if it has another form."""
        return (
            "" if self._pick_absent(texts) != self._absent else self.of_present(self._pick(texts))
        )

    def of_present(self, present: Sequence[str | None]) -> str:
        """The same of the texts that are present, where the others are known to be absent."""
        if not all(present):
            return ""
        text = _BETWEEN.join(present)  # type: ignore[arg-type]
        if not text or _has_blanks(text):
            return ""
        for all_unchanged, pick in self._of_kinds:
            if not all_unchanged(pick(present)):
                return ""
        return text


def _has_blanks(text: str) -> bool:
    """Whether one of the texts begins or ends with a blank, or has any but spaces."""
    at_ends = text[0] == " " or text[-1] == " " or " \0" in text or "\0 " in text
    return at_ends or "\n" in text or "\t" in text or "\r" in text
