"""What a report is of: a company and days; and the figures behind it, opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date

from saft_pipeline.reports.language import ENGLISH, Language
from saft_pipeline.settings import Settings
from saft_pipeline.store.opening import open_to_look
from saft_pipeline.store.reports import Reports

_MOST_NAMED = 20


class SelectionError(Exception):
    """There can be no report of this; the message says why, and what there is."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Days of InvoiceDate, both included, open where None; a `company_id` of None is all of them.

    `language` is what the report is written in; with a `source`, what its files hold.

    Raises:
        SelectionError: the first day is after the last.
    """

    company_id: str | None = None
    company_name: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    language: Language = ENGLISH
    source: str | None = None

    def __post_init__(self) -> None:
        if self.start_date and self.end_date and self.start_date > self.end_date:
            raise SelectionError(
                f"{self.start_date} is after {self.end_date}: no day lies between; swap the dates"
            )

    @property
    def company(self) -> str:
        """Of whom, in words."""
        source = f" · {self.source}" if self.source else ""
        if self.company_id is None:
            return self.language.text("all companies") + source
        name = f"{self.company_name}, " if self.company_name else ""
        return f"{name}NIF {self.company_id}{source}"

    @property
    def days(self) -> str:
        """Of when, in words."""
        say = self.language
        first, last = (d and say.day(d) for d in (self.start_date, self.end_date))
        if first and last:
            return say.text("{first} to {last}", first=first, last=last)
        if first or last:
            return (
                say.text("since {day}", day=first) if first else say.text("until {day}", day=last)
            )
        return say.text("all days")


def selection_of_company(
    source: Reports, company_id: str | None, selection: Selection
) -> Selection:
    """The selection of one company; None is the only company that there is.

    Raises:
        SelectionError: no such company, or several where none is named; the message lists them.
    """
    known = {c["company_id"]: c["company_name"] for c in source.companies()}
    if not known:
        raise SelectionError(
            "no company is loaded yet; `saft poll` or `saft ingest FILE` loads files"
        )
    if company_id is None and len(known) == 1:
        (company_id,) = known
    if company_id is None or company_id not in known:
        asked = f"no company {company_id}" if company_id else "which company? say --company NIF"
        raise SelectionError(f"{asked}; there are:\n{_listed(known)}")
    return replace(selection, company_id=company_id, company_name=known[company_id])


def _listed(known: dict[str, str | None]) -> str:
    lines = [f"  {number}  {name or ''}".rstrip() for number, name in known.items()]
    more = len(lines) - _MOST_NAMED
    return "\n".join(lines[:_MOST_NAMED] + ([f"  and {more} more"] if more > 0 else []))


@contextmanager
def opened(settings: Settings) -> Iterator[Reports]:
    """The figures in the database that the settings name; nothing is made; raises `StoreError`."""
    transport = open_to_look(settings)
    try:
        yield Reports(transport)
    finally:
        transport.close()
