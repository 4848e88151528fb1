"""What clients send wrong, and what goes wrong behind: always the same shape, never a traceback."""

from __future__ import annotations

import threading

import pytest

from saft_pipeline.web import services as services_module
from saft_pipeline_tests.web.serving import Api

MOST = 64 << 10


def code(api: Api, method: str, path: str, content: bytes | None = None) -> tuple[int, str]:
    answer = api.client.request(method, path, content=content)
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].keys() == {"code", "message"}
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nowhere", (404, "not_found")),
        ("GET", "/api/nothing", (404, "not_found")),
        ("GET", "/api/process-sftp", (405, "method_not_allowed")),
        ("DELETE", "/api/files", (405, "method_not_allowed")),
        ("GET", f"/api/task-status/{'x' * 200}", (400, "bad_request")),
        ("GET", "/api/task-status/a%00b", (400, "bad_request")),
        ("POST", "/api/tasks/a%00b/cancel", (400, "bad_request")),
        ("GET", "/api/files?path=a%00b", (400, "bad_request")),
    ],
)
def test_an_address_that_is_none(
    looked: Api, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert code(looked, method, path) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"{}", b'{"file_path": ""}', b'{"file_path": 1}', b"\xff",
     b'{"file_path": "a.xml", "force": true}', b'{"file_path": "' + b"a" * 5000 + b'"}',
     b'{"file_path": "a\\u0000.xml"}', b'{"file_path": "\\ud800.xml"}',
     b"[" * 60_000, b'{"file_path":' * 4_000],
)  # fmt: skip
def test_a_body_that_names_no_file(looked: Api, body: bytes) -> None:
    assert code(looked, "POST", "/api/process-xml-file", body) == (400, "bad_request")


def test_a_body_that_is_too_large(looked: Api) -> None:
    body = b'{"file_path": "' + b"a" * MOST + b'"}'
    assert code(looked, "POST", "/api/process-xml-file", body) == (413, "body_too_large")


def test_a_body_that_is_too_large_and_does_not_say_so(looked: Api) -> None:
    chunks = iter([b"a" * 1024] * (MOST // 1024 + 1))
    answer = looked.client.post("/api/process-xml-file", content=chunks)
    assert answer.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize("path", ["/api/files", "/metrics"])
def test_without_its_database_it_says_so(orphaned: Api, path: str) -> None:
    assert code(orphaned, "GET", path) == (503, "database")


def test_no_password_is_in_an_answer(orphaned: Api) -> None:
    assert "hunter2" not in orphaned.client.get("/api/files").text


def test_a_poll_needs_no_database_of_the_tables(orphaned: Api) -> None:
    orphaned.post("/api/download-sftp-queue")


def test_a_call_that_takes_too_long_is_answered(
    looked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(services_module, "PATIENCE", 0.05)
    monkeypatch.setattr(
        looked.services.instance, "get_run_records", lambda *_, **__: release.wait(20)
    )
    try:
        assert code(looked, "GET", "/api/active-tasks") == (503, "timeout")
    finally:
        release.set()


def test_a_fault_of_ours_shows_nothing_of_the_inside(
    looked: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(looked.services.instance, "get_run_records", fail)
    answer = looked.get("/api/active-tasks", 500)
    assert "inside" not in str(answer)
    assert "inside" in caplog.text
