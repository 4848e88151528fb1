"""What the tills of the sample branches write: documents that follow from till and step alone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

from saft_pipeline.demo.companies import TAX_PERCENTAGES, Branch, Product, SampleCustomer

ZERO_EURO = Decimal("0.00")
_CENT = Decimal("0.01")
# SAF-T has local times, without a zone.
_OPENING, _OPEN_SECONDS = datetime.fromisoformat("2025-01-02T09:00"), 10 * 3600

# InvoiceType and InvoiceStatus, round and round; a credit note (NC) follows what it corrects.
ROUND = (
    ("FR", "N"),
    ("FT", "N"),
    ("NC", "N"),
    ("FR", "A"),
    ("FS", "N"),
    ("FS", "F"),
    ("FR", "N"),
    ("FR", "N"),
)
_TYPES = [kind for kind, _ in ROUND]
_REASONS = {"A": "Engano nos dados do cliente", "F": "Faturado em documento posterior"}
_QUANTITIES = tuple(map(Decimal, ("1", "2", "1", "3", "6", "12", "1", "4")))
_WEIGHTS = tuple(map(Decimal, ("0.255", "0.500", "1.250", "0.780")))


class Till(NamedTuple):
    """A cash register: its number makes its series, `per_day` is how many documents it writes."""

    branch: Branch
    number: int
    per_day: int = 1
    first_day: datetime = _OPENING

    @property
    def series(self) -> str:
        """The series of its documents, without their type: `202Y2025`."""
        return f"{self.number}Y{self.first_day.year}"


class Line(NamedTuple):
    """XSD Invoice/Line; `amount` is its DebitAmount or CreditAmount."""

    product: Product
    quantity: Decimal
    amount: Decimal


@dataclass
class SampleInvoice:
    """XSD Invoice; `reference` is the InvoiceNo that a credit note takes back."""

    till: Till
    invoice_type: str
    invoice_status: str
    number: int
    system_entry_date: datetime
    customer: SampleCustomer
    lines: Sequence[Line]
    reference: str | None = None

    @property
    def status_date(self) -> datetime:
        """When it got its status: at once, or two days later if that isn't N."""
        late = timedelta(days=0 if self.invoice_status == "N" else 2)
        return self.system_entry_date + late

    @property
    def reason(self) -> str | None:
        """Why it isn't N any more."""
        return _REASONS.get(self.invoice_status)

    @cached_property
    def invoice_no(self) -> str:
        """Unique within a company."""
        return f"{self.invoice_type} {self.till.series}/{self.number}"

    @property
    def atcud(self) -> str:
        """The validation code of the series and the number within it."""
        return f"A{self.invoice_type}{self.till.number:05}-{self.number}"

    @property
    def is_credit(self) -> bool:
        """Whether it takes back what was sold: its lines are debits."""
        return self.invoice_type == "NC"

    @cached_property
    def net_total(self) -> Decimal:
        """The sum of its lines."""
        return sum((line.amount for line in self.lines), ZERO_EURO)

    @cached_property
    def tax_payable(self) -> Decimal:
        """The VAT of its lines, rounded to the cent once a rate."""
        return _tax(self.till.branch.region, self.lines)

    @property
    def gross_total(self) -> Decimal:
        """What the customer pays."""
        return self.net_total + self.tax_payable

    @property
    def hash(self) -> str:
        """What looks like an RSA-SHA1 signature, 172 characters; no key would verify it."""
        entry = self.system_entry_date.isoformat()
        signed = f"{entry[:10]};{entry};{self.invoice_no};{self.gross_total}"
        return base64.b64encode(hashlib.shake_128(signed.encode()).digest(128)).decode()


def document_at(till: Till, step: int) -> SampleInvoice:
    """The document that a till writes at a step, from 0; the same whenever it is called."""
    if ROUND[step % len(ROUND)][0] == "NC":
        return _credit_note(till, step)
    dice = _dice(till, step)
    company = till.branch.company
    customer = company.customers[dice[0] % len(company.customers) if dice[1] % 2 else 0]
    return _document(till, step, customer, _lines(company.products, dice))


def _credit_note(till: Till, step: int) -> SampleInvoice:
    """Credit the document before, in full or its first line only."""
    credited = document_at(till, step - 1)
    lines = credited.lines if step // len(ROUND) % 2 else credited.lines[:1]
    return _document(till, step, credited.customer, lines, credited.invoice_no)


def _document(
    till: Till,
    step: int,
    customer: SampleCustomer,
    lines: Sequence[Line],
    reference: str | None = None,
) -> SampleInvoice:
    turn, position = divmod(step, len(ROUND))
    kind, status = ROUND[position]
    number = turn * _TYPES.count(kind) + _TYPES[: position + 1].count(kind)
    entry = _moment(till, step)
    return SampleInvoice(till, kind, status, number, entry, customer, lines, reference)


def _dice(till: Till, step: int) -> bytes:
    """Chance that is the same on every machine and Python."""
    return hashlib.sha256(f"{till.branch.name}/{till.number}/{step}".encode()).digest()


def _lines(products: Sequence[Product], dice: bytes) -> Sequence[Line]:
    first, count = dice[2], 1 + dice[3] % 3
    chosen = [products[(first + i) % len(products)] for i in range(count)]
    return [_line(product, dice[4 + i]) for i, product in enumerate(chosen)]


@lru_cache(maxsize=1024)
def _line(product: Product, die: int) -> Line:
    choice = _WEIGHTS if product.unit_of_measure == "KG" else _QUANTITIES
    quantity = choice[die % len(choice)]
    return Line(product, quantity, _rounded(quantity * product.unit_price))


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _tax(region: str, lines: Sequence[Line]) -> Decimal:
    bases: dict[str, Decimal] = {}
    for line in lines:
        code = line.product.tax_code
        bases[code] = bases.get(code, ZERO_EURO) + line.amount
    rates = TAX_PERCENTAGES[region]
    return sum((_rounded(base * rates[code] / 100) for code, base in bases.items()), ZERO_EURO)


def _moment(till: Till, step: int) -> datetime:
    """When a document is written: in order within its series, between nine and seven."""
    day, turn = divmod(step, till.per_day)
    pause = _OPEN_SECONDS / till.per_day
    late = _dice(till, step)[-1] / 256
    return till.first_day + timedelta(days=day, seconds=int((turn + late) * pause))
