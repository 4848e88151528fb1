"""What is known of the documents of files that are alike, by process: most files are tiny."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

from saft_pipeline.saft.records import Row
from saft_pipeline.saft.rules.mandatory import of_documents
from saft_pipeline.saft.rules.plans import Head, LineKind
from saft_pipeline.saft.rules.taxes import Rate, Taxes

_MOST_TABLES, _MOST_RATES, _MOST_LINES = 16, 100, 4_096

# The codes that were right in documents of a version, in any file, by how these are built.
_RIGHT: defaultdict[str, dict[Head, set[Row]]] = defaultdict(dict)

Amounts = tuple[float, float]
LinesByKind = defaultdict[LineKind, dict[str, Amounts]]


def lines_by_era() -> defaultdict[int, LinesByKind]:
    """Room for what `near` finds in lines, by what they say."""
    return defaultdict(lambda: defaultdict(dict))


class SameRates:
    """Of files of one version with the same TaxTable.

    Nothing in it depends on anything else in a file: of `lines` it is still to be seen whether
    their Product is known.
    """

    def __init__(
        self,
        version: str,
        rates: tuple[Rate, ...],
        is_extract: bool,  # noqa: FBT001 - part of the cache's key
    ) -> None:
        self.mandatory = of_documents(version, is_extract=is_extract)
        self.taxes = Taxes(rates, has_codes=version >= "1.04")
        self.right = _RIGHT[version]
        self.lines = lines_by_era()
        self._count = 0

    def keep(self, era: int, kind: LineKind, said: str, found: Amounts) -> None:
        """Note a line that is right; where there are too many they begin anew."""
        if self._count >= _MOST_LINES:
            self.lines.clear()
            self._count = 0
        self._count += 1
        self.lines[era][kind][said] = found


_kept = lru_cache(maxsize=_MOST_TABLES)(SameRates)


def kept(version: str, rates: tuple[Rate, ...], *, is_extract: bool) -> SameRates:
    """What is known of the documents of such files."""
    return (_kept if len(rates) <= _MOST_RATES else SameRates)(version, rates, is_extract)
