"""The short cut finds what the general way finds, and neither loses anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saft_pipeline.saft.content import Content
from saft_pipeline.saft.elements import key_of
from saft_pipeline.saft.forms import forms
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.values import KINDS
from saft_pipeline_tests.saft.documents import document, invoice, line, reading, sales
from saft_pipeline_tests.saft.trees import Node, customers, invoices, products, written

COMPUTED = {"company_id", "line_count", "hash_extract", "payment_amount", "withholding_tax_amount"}


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
    if KINDS.get(tag) != "amount":
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


@settings(max_examples=50)
@given(customers(), products(), invoices(), st.sampled_from(["", "\n", "\n    ", "<!-- - -->"]))
def test_short_cut_and_general_way_find_all_that_was_written(
    customer: Node, product: Node, invoice: Node, blanks: str
) -> None:
    text = written(customer, product, invoice, blanks)
    quick = [to_json(record) for record in reading(text).records]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Content, "whole", lambda *_: None)
        patch.setattr(Content, "head", lambda *_: None)
        assert [to_json(record) for record in reading(text).records] == quick
    found = {r["record"]: r for r in map(json.loads, quick)}
    for name, node in (("customer", customer), ("product", product), ("invoice", invoice)):
        assert kept_of(found.get(name, {"record": name})) == expected_of(node)


@pytest.mark.parametrize("prefix", ["", "n1"])
def test_usual_invoice_is_read_by_its_forms_alone(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise all would still be right, and several times as slow."""
    text = document(sales(*(invoice(f"FT A/{n}", line(1) + line(2)) for n in (1, 2, 3))))
    if prefix:
        text = text.replace("</", f"</{prefix}:").replace("xmlns=", f"xmlns:{prefix}=")
        text = "".join(
            f"<{prefix}:{part}" if n and part[:1].isalpha() else f"<{part}" if n else part
            for n, part in enumerate(text.split("<"))
        )
    monkeypatch.setattr(Content, "_end_line", lambda *_: pytest.fail("read the general way"))
    monkeypatch.setattr(Content, "_end_part", lambda *_: pytest.fail("read the general way"))
    assert len(reading(text).invoices) == 3


def test_forms_are_made_once_for_a_prefix() -> None:
    assert forms("") is forms("")


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
def test_what_a_strict_form_does_not_take_is_read_all_the_same(old: str, new: str) -> None:
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
