"""The page of a report stands alone, shows all of it, and takes nothing in it as HTML."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from lxml import etree, html

from saft_pipeline.reports.language import ENGLISH
from saft_pipeline.reports.page import page
from saft_pipeline.reports.report import Report, Table, frame

HOSTILE = "<script>alert(1)</script>&\"'"
ROWS: list[dict[str, str | None]] = [
    {"branch": HOSTILE, "net_total": "1234.50"},
    {"branch": None, "net_total": "0.50"},
]
TABLE = Table(
    "days", "By branch", frame(ROWS, "branch net_total", "net_total"), HOSTILE, ("net_total",)
)
REPORT = Report(
    "sales", "Sales", HOSTILE, HOSTILE, is_well=True, figures={"net_total": Decimal("1235.00")},
    charts={"Chart": "<svg xmlns='http://www.w3.org/2000/svg'/>", "Empty": ""},
    main="days", tables=[TABLE], language=ENGLISH,
)  # fmt: skip


@pytest.fixture
def root() -> html.HtmlElement:
    return html.document_fromstring(page(REPORT))


def verdict(root: html.HtmlElement) -> etree._Element:
    found: etree._Element = next(p for p in root.iter("p") if "verdict" in p.get("class", ""))
    return found


def test_it_has_every_cell(root: html.HtmlElement) -> None:
    cells = [[str(td.text_content()) for td in tr.iter("td")] for tr in root.iter("tr")]
    assert cells[1:] == [[HOSTILE, "1,234.50"], ["–", "0.50"], ["", "1,235.00"]]


def test_what_files_say_is_text(root: html.HtmlElement) -> None:
    assert not list(root.iter("script"))
    assert verdict(root).text == HOSTILE


def test_nothing_in_it_turns_letters_around_or_steers() -> None:
    steering = replace(REPORT, about="gpj.\u202e\x1bFT.xml")
    assert "gpj.\\u202e\\x1bFT.xml" in page(steering)


def test_it_needs_nothing_else(root: html.HtmlElement) -> None:
    assert not list(root.iter("script", "img", "iframe"))
    assert [link.get("href") for link in root.iter("link")] == ["data:,"]
    assert "url(" not in page(REPORT)
    assert "@import" not in page(REPORT)


def test_it_has_the_charts_that_there_are(root: html.HtmlElement) -> None:
    headings = [str(h2.text_content()) for h2 in root.iter("h2")]
    assert headings == ["Chart", "By branch"]


def test_it_has_the_figures(root: html.HtmlElement) -> None:
    assert [str(dd.text_content()) for dd in root.iter("dd")] == ["1,235.00"]


@pytest.mark.parametrize("is_well", [True, False])
def test_what_wants_looking_at_is_marked(is_well: bool) -> None:
    root = html.document_fromstring(page(replace(REPORT, is_well=is_well)))
    assert ("look" in verdict(root).get("class", "").split()) is not is_well


def test_an_empty_report_says_so() -> None:
    nothing = replace(TABLE, frame=TABLE.frame[TABLE.frame["net_total"] == Decimal(0)])
    root = html.document_fromstring(page(replace(REPORT, about="all", tables=[nothing])))
    assert verdict(root).text == "Nothing to report: all."
    assert not list(root.iter("table"))
