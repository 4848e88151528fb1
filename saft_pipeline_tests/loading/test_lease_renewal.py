"""A claim is renewed at once and again and again, until the work is done."""

from __future__ import annotations

import threading

import pytest

from saft_pipeline.loading.lease_renewal import lease_renewed

SOON = 0.001
NEVER = 3600.0
PATIENCE = 30.0


class Renewals:
    """Counts renewals; `many` is set at the third. The one named in `fails` raises."""

    def __init__(self, fails: int = 0) -> None:
        self.count = 0
        self.many = threading.Event()
        self._fails = fails

    def __call__(self) -> None:
        self.count += 1
        if self.count >= 3:
            self.many.set()
        if self.count == self._fails:
            raise ConnectionError("lost for a moment")


def test_it_is_renewed_before_the_work_begins() -> None:
    renewals = Renewals()
    with lease_renewed(renewals, NEVER):
        assert renewals.count == 1


def test_it_is_renewed_while_the_work_goes_on() -> None:
    renewals = Renewals()
    with lease_renewed(renewals, SOON):
        assert renewals.many.wait(PATIENCE)


def test_a_renewal_that_fails_is_followed_by_others() -> None:
    renewals = Renewals(fails=2)
    with lease_renewed(renewals, SOON):
        assert renewals.many.wait(PATIENCE)


def test_a_first_renewal_that_fails_is_told() -> None:
    with pytest.raises(ConnectionError), lease_renewed(Renewals(fails=1), NEVER):
        pass


def test_it_is_not_renewed_after_the_work() -> None:
    with lease_renewed(Renewals(), SOON):
        pass
    assert "lease" not in {thread.name for thread in threading.enumerate()}


def test_it_is_not_renewed_after_work_that_failed() -> None:
    with pytest.raises(ZeroDivisionError), lease_renewed(Renewals(), SOON):
        raise ZeroDivisionError
    assert "lease" not in {thread.name for thread in threading.enumerate()}
