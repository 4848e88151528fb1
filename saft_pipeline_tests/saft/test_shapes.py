"""What is written is all read, in whatever order, and an element of an odd form is told of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saft_pipeline.saft.fields import key_of
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.values import VALUE_TYPES
from saft_pipeline_tests.saft.documents import document, invoice, line, one_invoice, reading, sales
from saft_pipeline_tests.saft.trees import Node, customers, invoices, products, written

COMPUTED = {
    *("cash_vat_scheme", "company_id", "line_count", "hash_extract", "payment_amount"),
    "withholding_tax_amount",
}


def leaves_of(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a JSON value with the innermost key each is under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves_of(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves_of(inner, key)
    else:
        yield key, value


def taken(tag: str, text: str) -> str:
    """An amount of zero loses its sign, and one without a zero before its point gets it."""
    if VALUE_TYPES.get(tag) != "amount":
        return text
    number = text if text.strip("-0.") else text.lstrip("-")
    return f"0{number}" if number.startswith(".") else number


def expected_of(node: Node) -> Counter[tuple[str, str]]:
    return Counter((key_of(tag), taken(tag, text)) for tag, text in node.leaves())


def kept_of(record: dict[str, Any]) -> Counter[tuple[str, str]]:
    """What a record holds, less what is computed or stands there twice."""
    extra = record.pop("extra", {})
    record.pop("record")
    columns = {k: v for k, v in record.items() if k not in COMPUTED}
    if "status_reason" in columns:
        columns["reason"] = columns.pop("status_reason")
    return Counter([*leaves_of(columns), *leaves_of(extra)])


def shuffled(node: Node, seed: Any) -> Node:
    """The same with its children in another order; of several of a name, and lines, it stays."""
    if isinstance(node.inside, str):
        return node
    names = [child.tag for child in node.inside]
    alone = [n for n, child in enumerate(node.inside) if names.count(child.tag) == 1]
    order = list(alone)
    seed.shuffle(order)
    inside = [shuffled(child, seed) for child in node.inside]
    for here, there in zip(alone, order, strict=True):
        inside[here] = shuffled(node.inside[there], seed)
    return Node(node.tag, inside)


@settings(max_examples=30)
@given(customers(), products(), invoices(), st.sampled_from(["", "\n", "\n    ", "<!-- - -->"]))
def test_all_that_was_written_is_read(
    customer: Node, product: Node, invoice: Node, blanks: str
) -> None:
    records = map(to_json, reading(written(customer, product, invoice, blanks)).records)
    found = {r["record"]: r for r in map(json.loads, records)}
    for name, node in (("customer", customer), ("product", product), ("invoice", invoice)):
        assert kept_of(found.get(name, {"record": name})) == expected_of(node)


@settings(max_examples=30)
@given(customers(), products(), invoices(), st.randoms())
def test_the_order_of_elements_changes_nothing(
    customer: Node, product: Node, invoice: Node, seed: Any
) -> None:
    usual = written(customer, product, invoice, "")
    customer, product, invoice = (shuffled(node, seed) for node in (customer, product, invoice))
    other = written(customer, product, invoice, "")
    assert [json.loads(to_json(record)) for record in reading(other).records] == [
        json.loads(to_json(record)) for record in reading(usual).records
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<Quantity>1<", "<Quantity> 1 <"),
        ("<Quantity>1<", "<Quantity>.5<"),
        ("<Quantity>1<", "<Quantity>-0<"),
        ("<TaxPointDate>2025-03-01<", "<TaxPointDate>2024-02-29<"),
        ("<TaxPointDate>2025-03-01<", "<TaxPointDate>2025-03-01Z<"),
        ("<Description>Broa<", f"<Description>{'x' * 2000}<"),
        ("<Description>Broa<", "<Description>a&#13;b &quot;c&quot; \\<"),
        ("<LineNumber>1<", "<LineNumber>0001<"),
        ("<Tax>", "<!-- --><Tax>"),
        ("<Tax>", "<New>1</New><Tax>"),
    ],
)
def test_a_change_of_one_element_changes_nothing_else(old: str, new: str) -> None:
    text = document(sales(invoice()))
    assert old in text
    changed = [json.loads(to_json(r)) for r in reading(text.replace(old, new)).records]
    usual = [json.loads(to_json(r)) for r in reading(text).records]
    differing = {
        key
        for before, after in zip(usual[1]["lines"], changed[1]["lines"], strict=True)
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    }
    assert len(differing) <= 1
    assert {k: v for k, v in usual[1].items() if k != "lines"} == {
        k: v for k, v in changed[1].items() if k != "lines"
    }


def test_a_line_within_another_element_is_no_line_of_the_invoice() -> None:
    head = f"<Other>{line(7)}</Other><Foo>1</Foo>"
    found = one_invoice(document(sales(invoice(head=head, lines=line(1) + line(2)))))
    assert [row[0] for row in found.lines] == ["1", "2"]
    assert found.extra["other"]["line"]["line_number"] == "7"
    assert found.extra["foo"] == "1"


def test_what_stands_between_lines_is_kept_with_the_invoice() -> None:
    lines = line(1) + "<Foo>1</Foo>" + line(2) + "<Bar>2</Bar>" + line(3)
    found = one_invoice(document(sales(invoice(lines=lines))))
    assert [row[0] for row in found.lines] == ["1", "2", "3"]
    assert (found.extra["foo"], found.extra["bar"]) == ("1", "2")


def test_empty_elements_differ_from_what_holds_others() -> None:
    """The same names in the same order, built in two ways."""
    inside, beside = "<A><B>1</B><C>2</C></A>", "<A/><B>1</B><C>2</C>"
    extras = [one_invoice(document(sales(invoice(head=head)))).extra for head in (inside, beside)]
    assert extras[0]["a"] == {"b": "1", "c": "2"}
    assert (extras[1]["b"], extras[1]["c"], "a" in extras[1]) == ("1", "2", False)


def test_text_beside_the_elements_of_a_line_is_left_out_with_a_warning() -> None:
    text = document(
        sales(invoice(lines=line().replace("<Tax>\n", "<Tax>one").replace("</Tax>", "</Tax>two")))
    )
    found = reading(text)
    assert found.messages("stray_text") == [
        "text between the elements of <Line> is left out: 'two'",
        "text between the elements of <Tax> is left out: 'one'",
    ]
    assert found.invoices[0].lines[0][11] == "IVA"


def test_two_product_codes_in_a_product_are_both_kept() -> None:
    product = "<Product><ProductCode>P1</ProductCode><ProductCode>P2</ProductCode></Product>"
    found = reading(document(f"<MasterFiles>{product}</MasterFiles>", sales(invoice())))
    assert [other.row for other in found.others] == [{"product_code": ["P1", "P2"]}]
