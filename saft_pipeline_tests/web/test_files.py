"""The ledger over HTTP: pages, filters, and taking a file again."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from saft_pipeline_tests.fixtures.project import POLLED, Polled, Project, broken, one_invoice
from saft_pipeline_tests.web.serving import Api


def test_every_file_is_listed_with_its_state(looked: Api, polled: Polled) -> None:
    found = {file["path"]: file["status"] for file in looked.get("/api/files")["files"]}
    assert found == {path: polled.file(path).status for path in POLLED}


def test_a_state_chooses(looked: Api) -> None:
    (file,) = looked.get("/api/files?state=incomplete")["files"]
    assert file["path"] == "half.xml"


def test_a_path_chooses(looked: Api) -> None:
    (file,) = looked.get("/api/files?path=sub/warned.xml")["files"]
    assert file["warnings"][0].keys() >= {"code", "message"}


def test_a_source_chooses(looked: Api, polled: Polled) -> None:
    (source,) = polled.project.settings.sources
    assert len(looked.get(f"/api/files?source={quote(source.source)}")["files"]) == len(POLLED)
    assert looked.get("/api/files?source=another")["files"] == []


def test_pages_show_each_file_once(looked: Api) -> None:
    seen: list[str] = []
    address = "/api/files?limit=4"
    while True:
        page = looked.get(address)
        seen += [file["path"] for file in page["files"]]
        if page["next"] is None:
            break
        address = f"/api/files?limit=4&before={page['next']}"
    assert sorted(seen) == sorted(POLLED)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "state=lost", "before=x", "page=2"])
def test_a_query_that_means_nothing_is_refused(looked: Api, query: str) -> None:
    assert looked.get(f"/api/files?{query}", 400)["error"]["code"] == "bad_request"


def test_a_failed_file_is_taken_again(api: Api, project: Project) -> None:
    project.put("bad.xml", broken("FT U/1"))
    api.post("/api/process-sftp")
    api.daemon.poll()
    project.put("bad.xml", one_invoice("FT U/1"))
    (file,) = api.get("/api/files")["files"]
    task = api.post(f"/api/files/{file['id']}/retry")["task_id"]
    api.daemon.work(task)
    assert api.task(task)["state"] == "SUCCESS"


def test_a_loaded_file_is_not_taken_again(looked: Api, polled: Polled) -> None:
    answer = looked.post(f"/api/files/{polled.file('good.xml').id}/retry", 409)
    assert answer["error"]["code"] == "nothing_to_retry"


def test_a_file_that_the_ledger_has_not_is_unknown(looked: Api) -> None:
    assert looked.post("/api/files/999/retry", 404)["error"]["code"] == "unknown_file"


def test_a_file_s_number_must_be_one(looked: Api) -> None:
    assert looked.post("/api/files/x/retry", 400)["error"]["code"] == "bad_request"
