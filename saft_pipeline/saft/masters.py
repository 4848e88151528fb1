"""MasterFiles: customers into their rows, products, suppliers and the tax table as they are."""

from __future__ import annotations

from collections.abc import Callable

from saft_pipeline.saft.elements import Element, as_value, key_of, members, place_all
from saft_pipeline.saft.fields import CUSTOMER_FIELDS, CUSTOMER_PATHS
from saft_pipeline.saft.forms import Form
from saft_pipeline.saft.header import is_nif
from saft_pipeline.saft.records import Customer, Extra, Other, Record, Row
from saft_pipeline.saft.tally import Tally

_ID = CUSTOMER_FIELDS.index("customer_id")
_NIF = CUSTOMER_FIELDS.index("customer_tax_id")
_COUNTRY = CUSTOMER_FIELDS.index("country")


class Masters:
    """Adds what MasterFiles holds to `records`; `line` tells the line of an offset."""

    def __init__(self, tally: Tally, records: list[Record], line: Callable[[int], int]) -> None:
        self._tally = tally
        self._notes = tally.notes
        self._records = records
        self._line = line
        self.company_id: str | None = None

    def take(self, tag: str, form: Form, text: str, at: int, base: int) -> int | None:
        """Read one of its elements, and those that follow it, at once; None if that can't be.

        `base` is the offset of the text's beginning.
        """
        end = None
        while text.startswith(form.starts, at) and (found := form.read(text, at)) is not None:
            row, extra_json, end = found
            line = self._line(base + at)
            if tag == "Customer":
                self._add_customer(row, extra_json, line)
            elif extra_json:
                self._records.append(Other(key_of(tag), extra_json, line))
            at = end
        return end

    def end_customer(self, element: Element) -> None:
        """Add a Customer that was read the general way."""
        values: list[str | None] = [None] * len(CUSTOMER_FIELDS)
        extra: Extra = {}
        place_all(element, CUSTOMER_PATHS, values, extra)
        self._add_customer(tuple(values), members(extra), self._line(element.at))

    def end_other(self, element: Element) -> None:
        """Add anything else."""
        value = as_value(element)
        if isinstance(value, dict):
            self._records.append(Other(element.role, members(value), self._line(element.at)))

    def _add_customer(self, row: Row, extra_json: str, line: int) -> None:
        number = row[_ID]
        if number is None:
            self._notes.add("customer", "a Customer without CustomerID is left out", line)
            return
        same = self._tally.seen_customers.add(number, (row, extra_json))
        if same is None:
            self._tally.customers += 1
            self._check_nif(row, line)
            self._records.append(Customer((self.company_id, *row[1:]), line, extra_json))
        else:
            differs = "the same" if same else "other"
            message = f"CustomerID {number!r} again, with {differs} content: the first is taken"
            self._notes.add("repeated_customer", message, line)

    def _check_nif(self, row: Row, line: int) -> None:
        """Only where the Customer is said to be Portuguese; others have numbers of their own."""
        number = row[_NIF]
        if number and row[_COUNTRY] == "PT" and not is_nif(number):
            message = f"CustomerTaxID {number!r} of {row[_ID]!r} is not a valid NIF"
            self._notes.add("nif", message, line)
