"""CSV for programs is exact; CSV for people opens in Excel as it is set up in Portugal."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from saft_pipeline.reports.columns import ColumnKind
from saft_pipeline.reports.csv_file import BOM, write
from saft_pipeline.reports.language import PORTUGUESE, Language
from saft_pipeline.reports.sheets import Sheet, SheetColumn


def written(kind: ColumnKind, value: Any, *, excel: Language | None = None) -> str:
    out = io.StringIO(newline="")
    write(Sheet("s", (SheetColumn("vat", kind),), [(value,)]), out, excel=excel)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "value", "data", "people"),
    [
        (ColumnKind.MONEY, Decimal("1E+3"), "1000", "1000"),
        (ColumnKind.MONEY, Decimal("-0.10"), "-0.10", "-0,10"),
        (ColumnKind.NUMBER, Decimal("0.0000001"), "0.0000001", "0,0000001"),
        (ColumnKind.DATE, date(2025, 1, 31), "2025-01-31", "31/01/2025"),
        (ColumnKind.MONTH, "2025-01", "2025-01", "01/2025"),
        (ColumnKind.MONTH, date(2025, 1, 1), "2025-01-01", "01/2025"),
        (ColumnKind.TIME, datetime(2025, 1, 31, 9, 5, 7, tzinfo=UTC), "2025-01-31T09:05:07+00:00",
         "31/01/2025 09:05:07"),
        (ColumnKind.FLAG, True, "true", "true"),
        (ColumnKind.ID, 7, "7", "7"),
        (ColumnKind.TEXT, "Zé; Lda, SA", '"Zé; Lda, SA"', '"Zé; Lda, SA"'),
    ],
)  # fmt: skip
def test_a_cell_as_data_and_for_people(
    kind: ColumnKind, value: Any, data: str, people: str
) -> None:
    assert written(kind, value) == f"vat\n{data}\n"
    assert written(kind, value, excel=PORTUGUESE) == f"{BOM}IVA\n{people}\n"


def test_nothing_is_an_empty_cell() -> None:
    assert written(ColumnKind.MONEY, None) == 'vat\n""\n'


@pytest.mark.parametrize("text", ["=1+1", "=cmd|' /C calc'!A0", "+1", "@SUM(1)", " -2+3", "\t=1"])
@pytest.mark.parametrize("excel", [None, PORTUGUESE])
def test_text_that_begins_a_formula_is_harmless(text: str, excel: Language | None) -> None:
    cell = written(ColumnKind.TEXT, text, excel=excel).splitlines()[1].strip('"')
    assert cell == f"'{text}"
