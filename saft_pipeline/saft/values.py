"""What a typed element may hold (XSD: SAFmonetaryType, SAFdecimalType, SAFdateType, ...).

Each check takes stripped text and returns it ready for Postgres, or raises ValueError with what
was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, localcontext
from functools import lru_cache

from saft_pipeline.saft.fields import LEAVES

# The sum of two without rounding: decimal allots only the digits that are there.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
exact_add = _EXACT.add
ZERO = Decimal(0)
XML_BLANKS = " \t\n\r"

_AMOUNT = re.compile(r"(-?)([0-9]*)(\.[0-9]+)?")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"T(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?|24:00:00(?:\.0+)?)"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)
_WHOLE = re.compile(r"[0-9]+")
_MOST_DIGITS = 1000  # far beyond money, far below what Postgres' numeric takes
_MOST_KEPT = 500  # texts of one element
_LONGEST_KEPT = 64  # characters
_MOST_UNCHANGED = 10_000  # texts of one kind
_MOST = {"Period": 32_767, "LineNumber": 2_147_483_647}  # the columns' types


@lru_cache(maxsize=4096)
def is_real_date(text: str) -> bool:
    """Whether `YYYY-MM-DD` names a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def amount(text: str) -> str:
    """An exact decimal, `-?digits[.digits]`; `-0` loses its sign.

    Real exports write `.57`, as xs:decimal allows: that is taken as `0.57`.
    """
    match = _AMOUNT.fullmatch(text)
    if not match or not (match[2] or match[3]):
        raise ValueError("a decimal number such as 1234.56")
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of at most {_MOST_DIGITS} digits")
    sign = match[1] if text.strip("-0.") else ""
    return f"{sign}{match[2] or '0'}{match[3] or ''}"


def day(text: str) -> str:
    """An xs:date as `YYYY-MM-DD`; a time zone, which the schema allows, is dropped."""
    match = _DATE.fullmatch(text)
    if not match or not is_real_date(match[1]):
        raise ValueError("a date such as 2025-01-31")
    return match[1]


def timestamp(text: str) -> str:
    """An xs:dateTime, as written."""
    match = _TIMESTAMP.fullmatch(text)
    if not match or not is_real_date(match[1]):
        raise ValueError("a date and time such as 2025-01-31T23:59:59")
    return text


def whole(text: str, most: int = 10**18) -> str:
    """A number without sign or fraction, at most `most`; leading zeros are dropped."""
    if not _WHOLE.fullmatch(text) or len(text) > _MOST_DIGITS or int(text) > most:
        raise ValueError(f"a whole number of at most {most}" if most < 10**18 else "a whole number")
    return str(int(text))


def exact_sum(amounts: Iterable[str], first: Decimal = ZERO) -> Decimal:
    """The sum of amounts, without rounding."""
    with localcontext(_EXACT):
        return sum(map(Decimal, amounts), first)


def add(total: Decimal, text: str) -> Decimal:
    """`total` and one amount more, without rounding."""
    return exact_add(total, Decimal(text))


def plain(number: Decimal) -> str:
    """A decimal as text, never with an exponent."""
    return format(number, "f")


Normalizer = Callable[[str], str]

_AMOUNTS = (
    "CreditAmount CurrencyAmount CurrencyCreditAmount CurrencyDebitAmount DebitAmount ExchangeRate "
    "GrossTotal IECAmount NetTotal PaymentAmount Quantity SettlementAmount TaxAmount TaxBase "
    "TaxPayable TaxPercentage TotalCredit TotalDebit TotalQuantityIssued UnitPrice "
    "WithholdingTaxAmount"
)
_DATES = (
    "DateCreated DeliveryDate EndDate InvoiceDate OrderDate PaymentDate SettlementDate StartDate "
    "TaxExpirationDate TaxPointDate"
)
_TIMESTAMPS = "InvoiceStatusDate MovementEndTime MovementStartTime SystemEntryDate"
_WHOLES = "LineNumber NumberOfEntries NumberOfMovementLines Period"

VALUE_TYPES: dict[str, str] = {
    **dict.fromkeys(_AMOUNTS.split(), "amount"),
    **dict.fromkeys(_DATES.split(), "date"),
    **dict.fromkeys(_TIMESTAMPS.split(), "timestamp"),
    **dict.fromkeys(_WHOLES.split(), "whole"),
}


def _normalizer_of(tag: str, kind: str) -> Normalizer:
    if kind == "whole" and tag in _MOST:
        return lambda text: whole(text, _MOST[tag])
    return {"amount": amount, "date": day, "timestamp": timestamp, "whole": whole}[kind]


_NORMALIZERS: dict[str, Normalizer] = {
    tag: _normalizer_of(tag, kind) for tag, kind in VALUE_TYPES.items()
}


class StrayTextError(ValueError):
    """Text stands where only elements belong."""


class Unchanged:
    """Texts of one kind that are values as they are: those that were seen lately are known."""

    def __init__(self, normalizer: Normalizer) -> None:
        self._normalizer = normalizer
        self._known: set[str] = set()

    def holds(self, texts: Sequence[str]) -> bool:
        """Whether all of these are such."""
        return self._known.issuperset(texts) or all(map(self._is_new_one, texts))

    def _is_new_one(self, text: str) -> bool:
        try:
            is_one = text in self._known or self._normalizer(text) == text
        except ValueError:
            return False
        if len(self._known) >= _MOST_UNCHANGED:
            self._known.clear()
        if is_one and len(text) <= _LONGEST_KEPT:
            self._known.add(text)
        return is_one


class Cleaned(dict[str | None, str | None]):
    """The value for each text that an element holds: stripped, checked, None if it is blank.

    Looking one up raises ValueError, with what was expected, for one that fails. Values of a file
    are much alike, so those that were seen are kept.
    """

    def __init__(self, normalizer: Normalizer | None, unchanged: Unchanged | None) -> None:
        super().__init__({None: None})
        self._normalizer = normalizer
        self.unchanged = unchanged
        """Those that need no look-up; None where all texts between blanks are."""
        self._left = _MOST_KEPT

    def __missing__(self, text: str) -> str | None:
        value: str | None = text.strip(XML_BLANKS) or None
        if value and self._normalizer:
            value = self._normalizer(value)
        if self._left and len(text) <= _LONGEST_KEPT:
            self._left -= 1
            self[text] = value
        return value


def _no_text(_: str) -> str:
    raise StrayTextError("elements only")


_ANY_TEXT, _NO_TEXT = Cleaned(None, None), Cleaned(_no_text, Unchanged(_no_text))
_SMALL = min(_MOST.values())
_UNCHANGED = {
    "amount": Unchanged(amount),
    "date": Unchanged(day),
    "timestamp": Unchanged(timestamp),
    "whole": Unchanged(lambda text: whole(text, _SMALL)),
}
_CLEANED = {
    tag: Cleaned(_NORMALIZERS.get(tag), _UNCHANGED.get(VALUE_TYPES.get(tag, "")))
    for tag in {*LEAVES, *_NORMALIZERS}
}


def cleaned(tag: str, *, is_leaf: bool) -> Cleaned:
    """The values of the texts in an element."""
    return _CLEANED.get(tag, _ANY_TEXT) if is_leaf else _NO_TEXT
