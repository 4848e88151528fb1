"""Each rule finds what it should in the conformance set, and lets pass what just keeps it."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.rules.checker import Checker
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.registry import RULES
from saft_pipeline_tests.saft.documents import reading
from saft_pipeline_tests.saft.rules.conformance import Case, cases, varied

CASES = list(cases())
VARIED = list(varied())
# What no change to a base shows: a key is needed, ten thousand series, other bytes, a repetition.
ELSEWHERE = {
    *("signature", "signature_open", "series_limit", "encoding", "repeated_invoice"),
}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_found_in_a_document_is_what_the_set_says(case: Case) -> None:
    assert sorted(f"{f.rule} {f.document}" for f in _found(case)) == case.finds


@pytest.mark.parametrize("case", VARIED, ids=[case.name for case in VARIED])
def test_what_is_found_in_a_varied_document_is_what_the_law_says(case: Case) -> None:
    assert sorted(f"{f.severity} {f.rule} {f.document}" for f in _found(case)) == case.finds


def _found(case: Case) -> list[Finding]:
    read = reading(case.content)
    checker = Checker()
    for record in read.records:
        checker.see(record)
    return checker.finish(read.warnings).kept


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_broken_by_one_document_and_just_kept_by_another(rule: str) -> None:
    own = [case for case in CASES if case.rule == rule]
    broken = [any(f.startswith(f"{rule} ") for f in case.finds) for case in own]
    assert rule in ELSEWHERE or {True, False} <= set(broken)
