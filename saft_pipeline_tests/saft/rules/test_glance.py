"""Which rules look at a document: those that are spared would have found nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.records import Invoice, Record
from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.findings import Findings
from saft_pipeline.saft.rules.glance import Glance
from saft_pipeline_tests.saft.documents import reading
from saft_pipeline_tests.saft.rules.conformance import varied
from saft_pipeline_tests.saft.rules.test_never_raises import CHANGES, mutated

TIMES = 4
_document = re.compile(rb"<Invoice>.*?</Invoice>", re.DOTALL)
_number = re.compile(rb"(?<=<InvoiceNo>)(.+?/)(\d+)")


def _numbered_on(base: bytes) -> bytes:
    """A base with each of its documents several times over, each series numbered on."""
    following: dict[bytes, int] = {}

    def several(found: re.Match[bytes]) -> bytes:
        return b"\n".join(one(found[0]) for _ in range(TIMES))

    def one(text: bytes) -> bytes:
        known = _number.search(text)
        assert known
        number = following.setdefault(known[1], int(known[2]))
        following[known[1]] += 1
        text = _number.sub(rb"\g<1>%d" % number, text)
        text = re.sub(rb"-\d+(?=</ATCUD>)", b"-%d" % number, text)
        return re.sub(rb"(?<=<Hash>)....", b"%04d" % number, text)

    return _document.sub(several, base)


BASES = [_numbered_on(c.content) for c in varied() if c.name.endswith(("-as-it-is", "madeira"))]


def _by_all_rules(records: list[Record]) -> Findings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Glance, "rules_for", lambda *_: None)
        return check(records)


def _spared(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> float:
    """The part of the documents at which not all rules look."""
    looked: list[bool] = []
    real = Glance.rules_for

    def noted(self: Glance, invoice: Invoice) -> object:
        rules = real(self, invoice)
        looked.append(rules is None)
        return rules

    monkeypatch.setattr(Glance, "rules_for", noted)
    check(records)
    return looked.count(False) / len(looked)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(BASES),
    st.lists(st.tuples(st.floats(0, 0.999), CHANGES), max_size=4),
)
def test_what_rules_that_are_spared_would_say_is_nothing(
    base: bytes, changes: list[tuple[float, str]]
) -> None:
    try:
        records = reading(mutated(base, changes)).records
    except SaftError:
        return
    found, all_found = check(records), _by_all_rules(records)
    assert (found.kept, found.counts) == (all_found.kept, all_found.counts)


@pytest.mark.parametrize("base", BASES)
def test_most_rules_are_spared_where_documents_are_alike(
    base: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _spared(reading(base).records, monkeypatch) > 0.5
