"""The countries of addresses beside those of columns: of delivery, and suppliers' own."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from saft_pipeline.saft.records import Extra
from saft_pipeline.saft.rules.codes import COUNTRIES
from saft_pipeline.saft.rules.elements import held_in
from saft_pipeline.saft.rules.findings import Finding, finding

OF_SUPPLIERS = frozenset(row.value for row in COUNTRIES.rows if "-" not in row.value)
OF_CUSTOMERS = OF_SUPPLIERS | {"Desconhecido"}


def countries(
    row: Extra, keys: Collection[str], known: Collection[str], line: int, about: str | None
) -> Iterator[Finding]:
    """A country that is none of those known, in the addresses under these keys."""
    for key in keys:
        for address in held_in(row, key):
            country = address.get("country")
            if isinstance(country, str) and country not in known:
                expected = "a country's two letters"
                yield finding("address_country", line, about, expected, country)
