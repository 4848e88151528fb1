"""Tasks from the call that begins them to their end, in the old program's shapes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice
from saft_pipeline_tests.web.serving import Api

STATUS = {"state", "current", "total", "status", "result"}


def begun(api: Api, path: str = "/api/download-sftp-queue") -> str:
    """The task of a poll that was asked for."""
    answer = api.post(path)
    assert answer.keys() == {"status", "message", "task_id"}
    assert answer["status"] == "success"
    return str(answer["task_id"])


def entered(api: Api, project: Project, name: str, content: str) -> str:
    """A file that was asked for by its path: the task, still queued."""
    inbox = api.services.settings.home / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / name).write_text(content)
    return str(api.post("/api/process-xml-file", body={"file_path": name})["task_id"])


@pytest.mark.parametrize("path", ["/api/download-sftp-queue", "/api/process-sftp"])
def test_a_poll_is_done_by_the_daemon_at_its_next_beat(
    api: Api, project: Project, path: str
) -> None:
    api.daemon.beat()
    project.put("good.xml", one_invoice("FT T/1"))
    task = begun(api, path)
    api.daemon.poll()
    assert api.task(task) == {
        "state": "SUCCESS",
        "current": 1,
        "total": 1,
        "status": "done",
        "result": [{"status": "success", "file": "good.xml", "total_faturas": 1}],
    }


def test_a_poll_that_nobody_has_begun_is_pending(api: Api) -> None:
    api.daemon.beat()
    task = api.task(begun(api))
    assert (task["state"], task["result"]) == ("PENDING", None)


def test_a_poll_whose_runs_wait_is_pending(api: Api, project: Project) -> None:
    project.put("good.xml", one_invoice("FT T/2"))
    task = begun(api)
    api.daemon.beat()
    assert api.task(task)["state"] == "PENDING"
    assert api.task(task)["total"] == 1


def test_a_poll_with_a_broken_file_has_failed_and_names_each_file(
    api: Api, project: Project
) -> None:
    project.put("bad.xml", broken("FT T/3"))
    project.put("good.xml", one_invoice("FT T/4"))
    task = begun(api)
    api.daemon.poll()
    status = api.task(task)
    assert status["state"] == "FAILURE"
    assert {r["file"]: r["status"] for r in status["result"]} == {
        "bad.xml": "error",
        "good.xml": "success",
    }


def test_a_poll_that_finds_nothing_new_is_a_success(api: Api) -> None:
    task = begun(api)
    api.daemon.beat()
    status = api.task(task)
    assert (status["state"], status["total"], status["result"]) == ("SUCCESS", 0, [])


@pytest.mark.usefixtures("no_waiting")
def test_a_poll_that_reached_no_server_has_failed_with_the_reason(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_PORT", "9")
    task = begun(api)
    api.daemon.beat()
    status = api.task(task)
    assert status["state"] == "FAILURE"
    assert "can't be reached" in status["status"]


def test_a_tick_that_fails_shows_its_reason_and_no_traceback(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_REMOTE_DIR", "/no/such/folder")
    task = begun(api)
    with pytest.raises(AssertionError):
        api.daemon.beat()
    status = api.task(task)
    assert status["state"] == "FAILURE"
    assert "/no/such/folder" in status["status"]
    assert "Traceback" not in status["status"]


def test_calls_before_the_daemon_looks_are_one_poll(api: Api) -> None:
    api.daemon.beat()
    assert begun(api) == begun(api)


def test_a_file_asked_for_by_its_path_has_its_own_result(api: Api, project: Project) -> None:
    task = entered(api, project, "asked.xml", one_invoice("FT T/5"))
    api.daemon.work(task)
    status = api.task(task)
    assert status.keys() == STATUS
    assert status["state"] == "SUCCESS"
    path = str(api.services.settings.home / "inbox" / "asked.xml")
    assert status["result"] == {"status": "success", "file": path, "total_faturas": 1}


def test_a_broken_file_asked_for_by_its_path_has_failed(api: Api, project: Project) -> None:
    task = entered(api, project, "asked.xml", broken("FT T/6"))
    api.daemon.work(task)
    status = api.task(task)
    assert (status["state"], status["result"]["status"]) == ("FAILURE", "error")


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_takes_the_place_of_an_accepted_file_is_not_read(
    api: Api, project: Project, store: Store, tmp_path: Path, kind: str
) -> None:
    task = entered(api, project, f"{kind}.xml", one_invoice("FT T/7"))
    path = api.services.settings.home / "inbox" / f"{kind}.xml"
    path.unlink()
    if kind == "link":
        (tmp_path / "secret").write_text("root:shadow:1")
        path.symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(path)
    api.daemon.work(task)
    path.unlink()
    status = api.task(task)
    (file,) = store.files()
    assert (status["state"], file.sha256) == ("FAILURE", None)
    assert "shadow" not in f"{status}{file.error}"


def test_a_run_that_was_failed_from_outside_has_failed_with_what_was_said_of_it(
    api: Api, project: Project
) -> None:
    task = entered(api, project, "asked.xml", one_invoice("FT T/5"))
    run = api.daemon.instance.get_run_by_id(task)
    assert run
    api.daemon.instance.report_run_failed(run, "its process is gone")
    status = api.task(task)
    assert (status["state"], status["status"]) == ("FAILURE", "its process is gone")


def test_a_remote_file_of_the_ledger_is_loaded_by_its_path(api: Api, project: Project) -> None:
    project.put("sub/good.xml", one_invoice("FT T/7"))
    begun(api)
    api.daemon.poll()
    project.put("sub/good.xml", one_invoice("FT T/8", amount="11.00"), modified_at=1_750_000_000)
    task = api.post("/api/process-xml-file", body={"file_path": "sub/good.xml"})["task_id"]
    api.daemon.work(task)
    assert api.task(task)["result"]["file"] == "sub/good.xml"


def test_a_file_that_another_run_holds_is_not_taken(api: Api, project: Project) -> None:
    entered(api, project, "asked.xml", one_invoice("FT T/9"))
    answer = api.post("/api/process-xml-file", 409, {"file_path": "asked.xml"})
    assert answer["error"]["code"] == "busy"


def test_a_file_whose_run_can_t_be_launched_is_free_again(
    api: Api, project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(api.services.launcher, "submit", refuse)
    (project.settings.home / "inbox").mkdir(exist_ok=True)
    (project.settings.home / "inbox" / "asked.xml").write_text(one_invoice("FT T/10"))
    answer = api.post("/api/process-xml-file", 500, {"file_path": "asked.xml"})
    assert "secret" not in str(answer)
    assert [f.status for f in store.files()] == ["pending"]


def test_a_task_that_nobody_began_is_unknown(api: Api) -> None:
    answer = api.get("/api/task-status/8c1d8b1e-0000-4000-8000-000000000000", 404)
    assert answer["error"]["code"] == "unknown_task"


def test_a_queued_task_can_be_cancelled(api: Api, project: Project, store: Store) -> None:
    task = entered(api, project, "asked.xml", one_invoice("FT T/11"))
    answer = api.post(f"/api/tasks/{task}/cancel")
    assert (answer["status"], answer["task_id"]) == ("success", task)
    assert api.task(task)["state"] == "REVOKED"
    assert [f.status for f in store.files()] == ["failed"]


def test_a_poll_is_cancelled_with_its_runs(api: Api, project: Project, store: Store) -> None:
    project.put("good.xml", one_invoice("FT T/12"))
    task = begun(api)
    api.daemon.beat()
    api.post(f"/api/tasks/{task}/cancel")
    assert api.task(task)["state"] == "REVOKED"
    assert [f.status for f in store.files()] == ["failed"]


def test_a_task_that_has_ended_can_t_be_cancelled(api: Api, project: Project) -> None:
    task = entered(api, project, "asked.xml", one_invoice("FT T/13"))
    api.daemon.work(task)
    answer = api.post(f"/api/tasks/{task}/cancel", 409)
    assert answer["error"]["code"] == "not_cancelled"


def test_active_tasks_have_the_shape_of_celery_s(api: Api, project: Project) -> None:
    task = entered(api, project, "asked.xml", one_invoice("FT T/14"))
    answer = api.get("/api/active-tasks")
    assert answer.keys() == {"status", "message", "active_tasks"}
    (found,) = (t for t in answer["active_tasks"]["dagster"] if t["id"] == task)
    assert found.keys() >= {"id", "name", "args", "time_start"}
    assert found["state"] == "PENDING"
    api.post(f"/api/tasks/{task}/cancel")
