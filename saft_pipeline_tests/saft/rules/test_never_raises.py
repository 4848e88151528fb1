"""Whatever stands in a document that can be read, a rule finds and never raises."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.rules.checker import check
from saft_pipeline_tests.saft.documents import reading
from saft_pipeline_tests.saft.rules.conformance import varied

BASES = [c.content for c in varied() if c.name.endswith(("-as-it-is", "madeira"))]
# A mutation is (which base, [(which element, what becomes of it)]).
TEXTS = st.sampled_from(
    (
        *("", " ", "-1", "-0.00", "1e3", "NaN", "0.000000000001", "9" * 40, "0", "M", "é€", "&lt;"),
        *("2024-02-30", "0001-01-01", "9999-12-31T23:59:59", "FT /", "FT A/0", "A-", "PT"),
    )
)
CHANGES = st.one_of(
    TEXTS, st.just("drop"), st.just("twice"), st.text("0123456789./- AFTx", max_size=9)
)
_leaf = re.compile(rb"<(\w+)>([^<]*)</\1>")


def mutated(base: bytes, changes: list[tuple[float, str]]) -> bytes:
    """A document with these changes: which leaf, as a part of all, and what becomes of it."""
    for where, change in changes:
        leaves = list(_leaf.finditer(base))
        leaf = leaves[int(where * len(leaves))]
        whole, name = leaf[0], leaf[1]
        new = b"<%s>%s</%s>" % (name, change.encode(), name)
        new = {"drop": b"", "twice": whole * 2}.get(change, new)
        base = base[: leaf.start()] + new + base[leaf.end() :]
    return base


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(BASES),
    st.lists(st.tuples(st.floats(0, 0.999), CHANGES), min_size=1, max_size=6),
)
def test_a_mutated_document_is_refused_or_checked(
    base: bytes, changes: list[tuple[float, str]]
) -> None:
    try:
        records = reading(mutated(base, changes)).records
    except SaftError:
        return
    check(records)


DIGITS = "1" * 5_000  # more than Python takes for a number


@pytest.mark.parametrize(
    "text", [DIGITS, f"FT A/{DIGITS}", f"AAAAAAAA-{DIGITS}", f"1-FTM A/{DIGITS}"]
)
def test_a_number_of_any_length_is_refused_or_checked(text: str) -> None:
    (base,) = (c.content for c in varied() if c.name == "shop-as-it-is")
    for leaf in {leaf[1]: leaf for leaf in _leaf.finditer(base)}.values():
        content = base[: leaf.start(2)] + text.encode() + base[leaf.end(2) :]
        with contextlib.suppress(SaftError):
            check(reading(content).records)
