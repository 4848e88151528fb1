"""Files that speak of the same invoices, companies and customers, and seldom say the same."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from saft_pipeline.demo import documents
from saft_pipeline.demo.companies import BRANCHES, Branch, Company
from saft_pipeline.demo.documents import Period
from saft_pipeline.demo.invoices import Line, SampleInvoice, Till, document_at

_TILLS = (0, 1)
_MOST_INVOICES = 6
_LARGE_INVOICES = 4000  # about 10 MB: its rows are copied, not sent along with the call
_LARGE_TILL = 10_000
_DAYS = 10
_FIRST_CREATED = date(2026, 1, 5)
_CITIES = ("Aveiro", "Beja", "Braga", "Guarda", "Lagos", "Leiria", "Tomar", "Viseu")
_STATUSES = "NNNNNNAAF"
_HOURS_LATER = (0, 0, 0, 1, 24, 48)
_ENCODINGS = (("Windows-1252", "cp1252"), ("UTF-8", "utf-8"))


@dataclass(frozen=True)
class Draft:
    """Which documents a file holds: those that a till of a branch wrote at some steps."""

    branch: Branch
    till: int
    steps: Sequence[int]

    def render(self, chance: random.Random, mark: str) -> bytes:
        """The file as it is exported now; `mark` makes its bytes differ from all others."""
        branch = self.branch._replace(company=_company(self.branch.company, chance))
        till = Till(branch, self.till, per_day=20)
        invoices = [_invoice(document_at(till, step), chance) for step in self.steps]
        created = _FIRST_CREATED + timedelta(chance.randrange(_DAYS))
        days = [i.system_entry_date.date() for i in invoices]
        declared, codec = chance.choice(_ENCODINGS)
        text = documents.audit_file(invoices, Period(min(days), max(days), created), declared)
        return text.replace("<AuditFile", f"<!-- {mark} -->\n<AuditFile", 1).encode(codec)

    def changed(self, chance: random.Random) -> Draft:
        """The same with an invoice more or less, now and then."""
        if len(self.steps) > _MOST_INVOICES or chance.random() < 0.5:
            return self
        others = {*self.steps, chance.randrange(max(self.steps) + 2)}
        if len(others) > 1 and chance.random() < 0.5:
            others.remove(chance.choice(self.steps))
        return replace(self, steps=sorted(others))


def draft(chance: random.Random, pool: int) -> Draft:
    """A few of the documents of a till, which writes `pool` of them."""
    branch = chance.choice(BRANCHES)
    steps = sorted(chance.sample(range(pool), chance.randint(1, _MOST_INVOICES)))
    return Draft(branch, branch.till + 100 * chance.choice(_TILLS), steps)


def large(chance: random.Random, number: int) -> Draft:
    """All documents of a till of its own."""
    return Draft(chance.choice(BRANCHES), _LARGE_TILL + number, range(_LARGE_INVOICES))


def broken(content: bytes) -> bytes:
    """The same with a decimal comma in a price."""
    return re.sub(rb"(<UnitPrice>\d+)\.", rb"\1,", content, count=1)


def endless(content: bytes) -> bytes:
    """The same without its end."""
    return content[: len(content) * 2 // 3]


def _company(company: Company, chance: random.Random) -> Company:
    """As its master files stand today."""
    customers = tuple(
        c._replace(address=c.address._replace(city=chance.choice(_CITIES)))
        for c in company.customers
    )
    address = company.address._replace(city=chance.choice(_CITIES))
    name = f"{company.company_name} {chance.randrange(5)}"
    return company._replace(company_name=name, address=address, customers=customers)


def _invoice(found: SampleInvoice, chance: random.Random) -> SampleInvoice:
    later = timedelta(hours=chance.choice(_HOURS_LATER))
    lines = found.lines
    if chance.random() < 0.3:
        lines = [Line(line.product, 2 * line.quantity, 2 * line.amount) for line in lines[:2]]
    return replace(
        found,
        invoice_status=chance.choice(_STATUSES),
        system_entry_date=found.system_entry_date + later,
        lines=lines,
    )
