"""What a report consists of, and its values as data; `language` writes them for people.

Amounts are `Decimal` in columns of objects, from the database to the page; never a float.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

import pandas as pd

from saft_pipeline.reports.language import Language, is_absent

CENT = Decimal("0.01")
ZERO_AMOUNT = Decimal("0.00")
# What is computed in this context is exact: decimal allots only the digits that there are.
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a heading; `summed` are the columns that a last row adds up for people."""

    name: str
    heading: str
    frame: pd.DataFrame
    note: str = ""
    summed: tuple[str, ...] = ()

    @property
    def totals(self) -> dict[str, Any]:
        """The last row."""
        return {name: total(self.frame[name]) for name in self.summed}

    def records(self) -> list[dict[str, Any]]:
        """The rows as JSON has them: amounts are text, absent is None."""
        return [
            {name: _data(value) for name, value in zip(self.frame.columns, row, strict=True)}
            for row in self.frame.itertuples(index=False, name=None)
        ]


@dataclass(frozen=True, slots=True)
class Report:
    """A report in full: `verdict` says whether all is well, `main` is the table that it is about.

    `figures` are a few values by the names of their columns, `charts` SVG by what they show;
    `tables` are in the order in which people look at them.
    """

    name: str
    title: str
    about: str
    verdict: str
    is_well: bool
    figures: Mapping[str, Any]
    charts: Mapping[str, str]
    main: str
    tables: Sequence[Table]
    language: Language

    @property
    def table(self) -> Table:
        """The main table."""
        return next(table for table in self.tables if table.name == self.main)

    @property
    def is_empty(self) -> bool:
        """Nothing is of the company and days that were asked for."""
        return self.table.frame.empty

    @property
    def summary(self) -> str:
        """The verdict, or that there is nothing to judge."""
        if self.is_empty:
            return self.language.text("Nothing to report: {about}.", about=self.about)
        return self.verdict

    @property
    def shown_figures(self) -> dict[str, str]:
        """The figures as people read them."""
        say = self.language
        return {say.label(name): say.shown(name, value) for name, value in self.figures.items()}

    def to_json(self) -> dict[str, Any]:
        """All tables by their names, with what the report is of."""
        head = {"report": self.name, "about": self.about, "verdict": self.verdict}
        return {**head, **{table.name: table.records() for table in self.tables}}


def frame(rows: Sequence[Mapping[str, Any]], columns: str, amounts: str = "") -> pd.DataFrame:
    """Rows of the store as columns of objects, `amounts` (which are text there) as Decimal."""
    found = pd.DataFrame(list(rows), columns=columns.split(), dtype=object)
    for name in amounts.split():
        found[name] = objects(None if v is None else Decimal(v) for v in found[name])
    return found


def objects(values: Iterable[Any]) -> pd.Series[Any]:
    """A column that leaves its values as they are."""
    return pd.Series(list(values), dtype=object)


def cents(amount: Decimal) -> Decimal:
    """An amount rounded half up, away from zero, to the cent; zero has no sign."""
    return EXACT.add(amount.quantize(CENT, context=EXACT), ZERO_AMOUNT)


def total(values: pd.Series[Any]) -> Any:
    """The exact sum; of nothing it is zero."""
    with localcontext(EXACT):
        return sum(values)


def _data(value: Any) -> Any:
    if is_absent(value):
        return None
    return format(value, "f") if isinstance(value, Decimal) else value
