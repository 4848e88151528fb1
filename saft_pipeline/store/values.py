"""Values of rows that come as JSON: exact amounts, days and times by the type of their column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

_CONVERT: dict[str, Callable[[Any], Any]] = {
    "numeric": lambda v: v if isinstance(v, Decimal) else Decimal(v),
    "date": date.fromisoformat,
    "timestamp without time zone": datetime.fromisoformat,
    "timestamp with time zone": datetime.fromisoformat,
}


def converter(types: Sequence[str]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Makes rows of values whose columns have these types of Postgres; None stays None."""
    convert = [_CONVERT.get(name) for name in types]

    def converted(row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            value if to is None or value is None else to(value)
            for to, value in zip(convert, row, strict=True)
        )

    return converted
