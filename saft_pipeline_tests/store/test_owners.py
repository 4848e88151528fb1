"""Who named a claim so: this process, one that has ended, or one of which nothing is known."""

from __future__ import annotations

import os

import pytest

from saft_pipeline.store.owners import is_left, new_owner, process_name


def test_a_claim_of_a_process_that_lives_is_not_left() -> None:
    assert not is_left(new_owner(of_this=True))


@pytest.mark.parametrize("part", ["", "-3"])
def test_a_claim_or_a_part_of_one_whose_process_has_ended_is_left(part: str) -> None:
    assert is_left(f"{new_owner()}-{process_name(os.getpid())}0{part}")


@pytest.mark.parametrize("owner", ["claim-0123456789ab", "run-1", "claim-1-another:1/2@3", ""])
def test_of_others_nothing_is_known(owner: str) -> None:
    assert not is_left(owner)
