"""What 1.01 has once where later versions have it again and again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from saft_pipeline.saft.records import Extra, Invoice, object_of
from saft_pipeline.saft.rules.elements import element
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_invoice

(_NUMBER,) = of_invoice("invoice_no")
_LATER_REPEATED = frozenset(
    ("delivery_id", "references", "settlement", "ship_from_address", "ship_to_address")
)


def again(extra: Extra, line: int, about: str | None) -> Iterator[Finding]:
    """What stands again in what has no column."""
    for key, value in extra.items():
        if isinstance(value, dict):
            yield from again(value, line, about)
        elif key in _LATER_REPEATED and len(value) > 1:
            expected = f"one {element(key)}, as 1.01 has it"
            yield finding("repeated_in_101", line, about, expected, str(len(value)))


def in_lines(invoice: Invoice) -> Iterator[Finding]:
    """What stands again in a document's lines."""
    if invoice.lines.have_extras:
        for row, extra in chain.from_iterable(invoice.lines.blocks()):
            about = f"{invoice.values[_NUMBER]} line {row[0]}"
            yield from again(object_of(extra), invoice.line, about)
