"""MasterFiles: customers into their rows, products, suppliers and the tax table as they are."""

from __future__ import annotations

from lxml.etree import _Element as Element

from saft_pipeline.saft.fields import CUSTOMER_FIELDS, CUSTOMER_PATHS
from saft_pipeline.saft.kinds import ElementKind, Layout
from saft_pipeline.saft.layouts import local_name
from saft_pipeline.saft.records import Customer, Other
from saft_pipeline.saft.shapes import Warn, line_of, nodes_of
from saft_pipeline.saft.totals import RunningTotals

_ID = CUSTOMER_FIELDS.index("customer_id")
_CUSTOMER = ElementKind(Layout, len(CUSTOMER_FIELDS), CUSTOMER_PATHS)
_OTHERS = {name: ElementKind(Layout, 0, {}) for name in ("supplier", "product", "tax_table_entry")}


def read_customer(
    element: Element, warn: Warn, totals: RunningTotals, company_id: str | None, line: int
) -> Customer | None:
    """A Customer; None, with a warning, for one without CustomerID and for one seen before."""
    row, extra_json = _CUSTOMER.read(nodes_of(element, warn), warn)
    number = row[_ID]
    if number is None:
        totals.warnings.add("customer_id", "a Customer without CustomerID is left out", line)
        return None
    content = hash((row, extra_json))
    before = totals.seen_customers.add(number, content)
    if before is None:
        totals.customers += 1
        return Customer((company_id, *row[1:]), line, extra_json)
    differs = "the same" if before == (content,) else "other"
    message = f"CustomerID {number!r} again, with {differs} content: the first is taken"
    totals.warnings.add("repeated_customer", message, line)
    return None


def read_other(name: str, element: Element, warn: Warn, line: int) -> Other | None:
    """A Product, Supplier or TaxTableEntry; None, with a warning, for an empty one."""
    _, json = _OTHERS[name].read(nodes_of(element, warn), warn)
    if not json:
        warn("empty_element", f"<{local_name(str(element.tag))}> is empty", line_of(element))
        return None
    return Other(name, json, line)
