"""The Prefer header: docs.postgrest.org, References, API, Preferences; RFC 7240."""

from __future__ import annotations

import dataclasses
from typing import Self

from saft_pipeline_tests.postgrest.errors import ApiError, not_implemented

_VALUES = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "missing": ("default", "null"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "tx": ("commit", "rollback"),
    "handling": ("strict", "lenient"),
}
"""In the order in which Preference-Applied lists them."""


@dataclasses.dataclass(frozen=True)
class Preferences:
    """The first valid value of each preference.

    `tx` is known but has no effect: a Supabase project always commits (`db-tx-end`).
    """

    chosen: dict[str, str]
    max_affected: int | None = None

    @classmethod
    def parse(cls, header: str) -> Self:
        """Read the Prefer header.

        Raises:
            ApiError: PGRST122, with `handling=strict` and a preference that isn't known; PGRST127.
        """
        given = [part.strip() for part in header.split(",") if part.strip()]
        chosen: dict[str, str] = {}
        invalid: list[str] = []
        max_affected: int | None = None
        for preference in given:
            name, _, value = preference.partition("=")
            if value in _VALUES.get(name, ()):
                chosen.setdefault(name, value)
            elif name == "max-affected" and value.isdigit():
                max_affected = int(value)
            elif name != "timezone":
                invalid.append(preference)
        _check(chosen, invalid)
        strict = chosen.get("handling") == "strict"
        return cls(chosen, max_affected if strict else None)

    def __getitem__(self, name: str) -> str | None:
        return self.chosen.get(name)

    def applied(self, *names: str) -> dict[str, str]:
        """The Preference-Applied header for those of `names` that were asked for."""
        parts = [
            f"{name}={self.chosen[name]}"
            for name in _VALUES
            if name in self.chosen and name in (*names, "count", "handling")
        ]
        if self.max_affected is not None:
            parts.append(f"max-affected={self.max_affected}")
        return {"Preference-Applied": ", ".join(parts)} if parts else {}


def _check(chosen: dict[str, str], invalid: list[str]) -> None:
    if invalid and chosen.get("handling") == "strict":
        message = "Invalid preferences given with handling=strict"
        details = f"Invalid preferences: {', '.join(invalid)}"
        raise ApiError(400, "PGRST122", message, details)
    if chosen.get("count") in ("planned", "estimated"):
        raise not_implemented(f"count={chosen['count']}")
