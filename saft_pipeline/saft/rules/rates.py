"""The VAT rates of Portugal's three regions over time, each with its source.

Those of both islands until 2011 follow from the mainland's laws, which set them too (DL 347/85,
article 1). Ofício-circulado 25045/2024 confirms those of the islands since.
"""

from __future__ import annotations

from collections.abc import Mapping

from saft_pipeline.saft.rules.dated import ALWAYS, Dated

_2002, _2005 = "Lei 16-A/2002", "Lei 39/2005"
_2008, _2010, _2011 = "Lei 26-A/2008", "Lei 12-A/2010", "Lei 55-A/2010"
_MADEIRA, _AZORES = "Lei 14-A/2012", "Lei 83-C/2013"

# Region and code: the rate, since when, by which law; the newest first.
_SINCE: Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]] = {
    ("PT", "NOR"): (
        ("23", "2011-01-01", _2011), ("21", "2010-07-01", _2010), ("20", "2008-07-01", _2008),
        ("21", "2005-07-01", _2005), ("19", "2002-06-05", _2002),
    ),
    ("PT", "INT"): (("13", "2010-07-01", _2010), ("12", "1996-07-01", "Lei 10-B/96")),
    ("PT", "RED"): (("6", "2010-07-01", _2010), ("5", "1992-03-24", "Lei 2/92")),
    ("PT-AC", "NOR"): (
        ("16", "2021-07-01", "DLR 15-A/2021/A"), ("18", "2014-01-01", _AZORES),
        ("16", "2011-01-01", _2011), ("15", "2010-07-01", _2010), ("14", "2008-07-01", _2008),
        ("15", "2005-07-01", _2005), ("13", "2002-06-05", _2002),
    ),
    ("PT-AC", "INT"): (
        ("9", "2015-07-01", "Lei 63-A/2015"), ("10", "2014-01-01", _AZORES),
        ("9", "2010-07-01", _2010), ("8", "2002-06-05", _2002),
    ),
    ("PT-AC", "RED"): (
        ("4", "2015-07-01", "Lei 63-A/2015"), ("5", "2014-01-01", _AZORES),
        ("4", "2002-06-05", _2002),
    ),
    ("PT-MA", "NOR"): (
        ("22", "2012-04-01", _MADEIRA), ("16", "2011-01-01", _2011), ("15", "2010-07-01", _2010),
        ("14", "2008-07-01", _2008), ("15", "2005-07-01", _2005), ("13", "2002-06-05", _2002),
    ),
    ("PT-MA", "INT"): (
        ("12", "2012-04-01", _MADEIRA), ("9", "2010-07-01", _2010), ("8", "2002-06-05", _2002),
    ),
    ("PT-MA", "RED"): (
        ("4", "2024-10-01", "DLR 6/2024/M"), ("5", "2012-04-01", _MADEIRA),
        ("4", "2002-06-05", _2002),
    ),
    **{(region, "ISE"): (("0", ALWAYS, "CIVA art. 9"),) for region in ("PT", "PT-AC", "PT-MA")},
}  # fmt: skip


def _rows(since: tuple[tuple[str, str, str], ...]) -> tuple[Dated, ...]:
    ends = [None, *(_day_before(day) for _, day, _ in since[:-1])]
    return tuple(
        Dated(rate, day, end, source) for (rate, day, source), end in zip(since, ends, strict=True)
    )


def _day_before(day: str) -> str:
    from datetime import date, timedelta

    return (date.fromisoformat(day) - timedelta(1)).isoformat()


RATES: dict[tuple[str, str], tuple[Dated, ...]] = {key: _rows(rows) for key, rows in _SINCE.items()}


def rates_between(region: str, code: str, first: str, last: str) -> list[str]:
    """The rates in force on some day from the first to the last, the newest first.

    Empty where the region or code has none, or the last day is before the oldest known.
    """
    return [
        row.value
        for row in RATES.get((region, code), ())
        if row.since <= last and (row.until is None or first <= row.until)
    ]
