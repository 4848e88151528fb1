"""Whether a document is told of as it would be if all rules looked at it."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.records import Record
from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.findings import Findings
from saft_pipeline.saft.rules.glance import Glance
from saft_pipeline_tests.saft.documents import invoice, reading


def numbered(number: str) -> str:
    """The invoice of that number in a series, which is right."""
    return invoice(f"FT A/{number}").replace("ABCD1234-1", f"ABCD1234-{number}")


def by_all_rules(records: list[Record]) -> Findings:
    """What all rules find, whatever was found before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Glance, "rules_for", lambda glance, _: glance.all)
        return check(records)


def assert_alike(content: bytes) -> None:
    """No finding is lost, added or moved where not all rules look."""
    try:
        records = reading(content).records
    except SaftError:
        return
    found, all_found = check(records), by_all_rules(records)
    assert (found.kept, found.counts) == (all_found.kept, all_found.counts)
