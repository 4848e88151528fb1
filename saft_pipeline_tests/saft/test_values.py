"""Amounts, dates and whole numbers: what is taken, as what, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.saft.values import amount, day, exact_sum, plain, timestamp, whole


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("0", "0"),
        ("12.30", "12.30"),
        ("-12.3", "-12.3"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("007.50", "007.50"),
        (".57", "0.57"),
        ("-.57", "-0.57"),
        ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
    ],
)
def test_amount_is_taken_exactly(written: str, taken: str) -> None:
    assert amount(written) == taken


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "1,50",
            "1e3",
            "NaN",
            "Infinity",
            "١٢",
            "1_000",
            "1 000",
            "+1",
            "5.",
            ".",
            "-",
            "--1",
        ),
        *("0x10", "1.2.3", "1\n", "²", "9" * 1001),
    ],
)
def test_amount_that_is_no_plain_decimal_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a "):
        amount(written)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_every_decimal_survives(number: Decimal) -> None:
    assert Decimal(amount(f"{number:f}")) == number


@given(st.lists(st.decimals(-(10**18), 10**18, places=6), max_size=20))
def test_sum_is_exact(numbers: list[Decimal]) -> None:
    scaled = sum(int(n.scaleb(6)) for n in numbers)
    assert exact_sum(f"{n:f}" for n in numbers) == Decimal(scaled).scaleb(-6)


def test_sum_never_rounds_or_shows_an_exponent() -> None:
    assert plain(exact_sum(["1" + "0" * 40, "0." + "0" * 40 + "1"])) == f"1{'0' * 40}.{'0' * 40}1"


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("2025-01-31", "2025-01-31"),
        ("2024-02-29", "2024-02-29"),
        ("2025-01-31Z", "2025-01-31"),
        ("2025-01-31+01:00", "2025-01-31"),
    ],
)
def test_date_is_taken(written: str, taken: str) -> None:
    assert day(written) == taken


@pytest.mark.parametrize(
    "written",
    [
        *(
            "20250131",
            "2025-1-31",
            "31-01-2025",
            "2025-02-30",
            "2025-13-01",
            "0000-01-01",
            "2025-01-31 ",
        ),
        *("2025-01-31T00:00:00", "２０２５-01-31"),
    ],
)
def test_date_out_of_the_pattern_or_the_calendar_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a date"):
        day(written)


@pytest.mark.parametrize(
    "written",
    [
        *("2025-01-31T23:59:59", "2025-01-31T23:59:59.123", "2025-01-31T24:00:00"),
        *("2025-01-31T10:00:00Z", "2025-01-31T10:00:00+01:00"),
    ],
)
def test_timestamp_is_taken_as_written(written: str) -> None:
    assert timestamp(written) == written


@pytest.mark.parametrize(
    "written",
    [
        *("2025-01-31", "2025-01-31 10:00:00", "2025-01-31T10:00", "2025-01-31T25:00:00"),
        *(
            "2025-01-31T10:60:00",
            "2025-01-31T10:00:60",
            "2025-02-29T10:00:00",
            "2025-01-31T24:00:01",
        ),
    ],
)
def test_timestamp_out_of_the_pattern_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a date and time"):
        timestamp(written)


def test_whole_number_loses_leading_zeros() -> None:
    assert whole("0012") == "12"


@pytest.mark.parametrize("written", ["1.0", "-1", "+1", "A", "", "١", "2147483648"])
def test_whole_number_of_another_form_or_size_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        whole(written, 2_147_483_647)
