"""Portuguese and English: nothing untranslated, and values as people in Portugal write them."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from saft_pipeline import reports
from saft_pipeline.reports import portuguese
from saft_pipeline.reports.language import ENGLISH, PORTUGUESE, chosen

PACKAGE = Path(reports.__file__).parent


def texts() -> Iterator[str]:
    """What modules of reports give to `text`, which some of them call `say`."""
    for path in PACKAGE.glob("*.py"):
        tree = ast.parse(path.read_text())
        names = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                given = node.args[0]
                given = names.get(given.id, given) if isinstance(given, ast.Name) else given
                if name in ("text", "say") and isinstance(given, ast.Constant):
                    yield str(given.value)


def test_every_text_is_in_portuguese() -> None:
    found = set(texts())
    assert len(found) > 20
    assert found - set(portuguese.TEXTS) == set()


def filled(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}


def test_both_languages_have_the_same_values_filled_in() -> None:
    wrong = [e for e, translated in portuguese.TEXTS.items() if filled(e) != filled(translated)]
    assert wrong == []


@pytest.mark.parametrize(
    ("column", "value", "english", "portuguese"),
    [
        ("vat", Decimal("-1234567.8"), "-1,234,567.80", "-1\xa0234\xa0567,80\xa0€"),
        ("tax_percentage", Decimal("5.5"), "5.5 %", "5,5 %"),
        ("files", 1234567, "1,234,567", "1\xa0234\xa0567"),
        ("branch", "Gramido", "Gramido", "Gramido"),
        ("branch", None, "–", "–"),
        ("branch", float("nan"), "–", "–"),
        ("invoice_date", "2025-01-31", "2025-01-31", "31/01/2025"),
        ("invoice_date", date(2025, 1, 31), "2025-01-31", "31/01/2025"),
        ("month", "2025-01", "2025-01", "01/2025"),
        ("status", "loaded", "loaded", "carregado"),
    ],
)
def test_values_as_people_read_them(
    column: str, value: object, english: str, portuguese: str
) -> None:
    assert (ENGLISH.shown(column, value), PORTUGUESE.shown(column, value)) == (english, portuguese)


def test_columns_have_a_name_for_people() -> None:
    assert ENGLISH.label("taxable_base") == "Taxable base"
    assert PORTUGUESE.label("taxable_base") == "Base tributável"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (["pt"], "pt"), (["pt_PT.UTF-8"], "pt"), (["pt-BR"], "pt"), (["en"], "en"), ([], "en"),
        (["C.UTF-8"], "en"), (["fr", "pt"], "pt"), (["PT"], "pt"), ([""], "en"),
    ],
)  # fmt: skip
def test_the_language_is_the_first_that_there_is(wanted: list[str], code: str) -> None:
    assert chosen(wanted).code == code
