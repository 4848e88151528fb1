"""The pages for people: what the operator sees of files that were loaded, failed and wait."""

from __future__ import annotations

import html
import re
from importlib import resources

import httpx
import pytest

from saft_pipeline.settings import load
from saft_pipeline.web.words import Words
from saft_pipeline_tests.fixtures.project import Polled
from saft_pipeline_tests.web.serving import Api, serving


@pytest.fixture(scope="module")
def page(looked: Api) -> str:
    answer = looked.client.get("/")
    assert answer.status_code == 200
    return answer.text


def test_what_failed_comes_first_with_its_reason_and_a_button(page: str, polled: Polled) -> None:
    wanting = page.partition('id="wanting"')[2].partition("</section>")[0]
    assert wanting.index("broken.xml") < wanting.index("vanished.xml") < wanting.index("half.xml")
    assert "UnitPrice of invoice FT A/3 is '10,00'" in html.unescape(wanting)
    assert f'action="/api/files/{polled.file("broken.xml").id}/retry"' in wanting


def test_the_verdict_counts_what_was_not_loaded(page: str) -> None:
    verdict = page.partition('class="verdict')[2].partition("</section>")[0]
    assert "2 files were not loaded" in verdict


def test_counts_are_those_of_the_ledger(page: str) -> None:
    counts = dict(re.findall(r'href="/files\?state=(\w+)"><b>(\d+)</b>', page))
    expected = {"failed": "1", "gone": "1", "incomplete": "1", "loaded": "3", "running": "0"}
    assert {state: counts[state] for state in expected} == expected


def test_each_file_leads_to_its_run_and_partition(page: str, polled: Polled) -> None:
    assert f"/runs/{polled.run.run_id}" in page
    assert f"partition={polled.partition('good.xml').replace('~', '~')}" in page


def test_all_that_templates_say_is_known_in_portuguese() -> None:
    folder = resources.files("saft_pipeline.web") / "templates"
    texts = [f.read_text() for f in folder.iterdir() if f.name.endswith(".html")]
    said = {text for each in texts for text in re.findall(r'say\("([^"]+)"', each)}
    assert {text for text in said if Words("pt")(text) == text} == set()


def test_the_page_speaks_portuguese(looked: Api) -> None:
    answer = looked.client.get("/", headers={"Accept-Language": "pt-PT,pt;q=0.9,en;q=0.8"})
    assert '<html lang="pt">' in answer.text
    assert "2 ficheiros não foram carregados" in answer.text


def test_the_last_look_is_told_in_the_browsers_language(polled: Polled) -> None:
    with polled.as_environment():  # the newest tick of the history that tests share
        polled.runs.tick()
    with serving(polled.project.settings) as api:
        answer = api.client.get("/", headers={"Accept-Language": "pt"})
    look = answer.text.partition("Última consulta")[2].partition("</tr>")[0]
    assert re.search(r"\d+ ficheiros vistos, \d+ novos", look)


@pytest.mark.parametrize("address", ["files?state=x", "reports/vat?company=1", "reports/nope"])
def test_a_person_is_told_on_a_page_why_there_is_none(looked: Api, address: str) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "pt"}
    answer = looked.client.get(f"/{address}", headers=headers)
    assert answer.status_code in (400, 404)
    assert "Isto não pode ser mostrado" in answer.text


def test_files_by_day_are_of_the_last_days_if_none_are_asked_for(looked: Api) -> None:
    answer = looked.client.get("/reports/files?lang=pt")
    assert answer.status_code == 303
    assert re.fullmatch(r"/reports/files\?lang=pt&from=\d{4}-\d\d-\d\d", answer.headers["location"])


def test_what_is_not_new_is_not_sent_again(looked: Api) -> None:
    part = looked.client.get("/?part=main")
    etag = part.headers["ETag"]
    for known in (etag, f"W/{etag}", f'"another", W/{etag}'):
        again = looked.client.get("/?part=main", headers={"If-None-Match": known})
        assert again.status_code == 304 or again.headers["ETag"] != etag  # a new look lay between
    assert "<html" not in part.text


def test_nothing_of_another_host_is_loaded(page: str) -> None:
    assert re.findall(r"""(?:src|href|action)=["'](?:https?:)?//(?!127\.0\.0\.1)""", page) == []


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [("state=failed", "broken.xml", "good.xml"), ("path=good.xml", "good.xml", "broken.xml")],
)
def test_files_are_found_by_state_and_path(
    looked: Api, query: str, shown: str, hidden: str
) -> None:
    table = looked.client.get(f"/files?{query}").text.partition("<tbody>")[2]
    assert (shown in table, hidden in table) == (True, False)


@pytest.mark.parametrize(
    "query", ["state=x", "before=x", "before=99999999999999999999", "path=a%00b"]
)
def test_a_wrong_question_is_told(looked: Api, query: str) -> None:
    assert looked.client.get(f"/files?{query}").status_code == 400


@pytest.mark.parametrize("name", ["vat", "vat.csv", "vat.xlsx", "sales", "files.csv"])
def test_reports_have_addresses(looked: Api, name: str) -> None:
    answer = looked.client.get(f"/reports/{name}")
    assert answer.status_code == 200
    assert answer.content


@pytest.mark.parametrize(
    ("address", "status"),
    [("nope", 404), ("vat.pdf", 404), ("vat?company=1", 400), ("sales?from=soon", 400)],
)
def test_a_report_that_is_none_is_told(looked: Api, address: str, status: int) -> None:
    assert looked.client.get(f"/reports/{address}").status_code == status


def test_a_dead_database_is_told_on_the_page(orphaned: Api) -> None:
    answer = orphaned.client.get("/")
    assert answer.status_code == 200
    assert "the database does not answer" in answer.text
    assert not re.findall("Nothing failed|No files yet|<b>0</b>|No company", answer.text)


def test_the_form_is_where_somebody_without_a_session_is_sent(polled: Polled) -> None:
    with serving(load({**polled.project.env, "WEB_LOGIN": "maria:right"})) as running:
        client = httpx.Client(base_url=running.client.base_url, headers={"Accept": "text/html"})
        assert client.get("/").headers["location"] == "/login?next=/"
        client.post("/login", data={"user": "maria", "password": "right", "next": "/"})
        assert "saft_pipeline" in client.get("/").text
        client.post("/logout")
        assert client.get("/").status_code == 303
