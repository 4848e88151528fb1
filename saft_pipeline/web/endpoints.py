"""What each endpoint does. Every function takes the services and what the client sent."""

from __future__ import annotations

import uuid

from saft_pipeline.dagster_runtime import runs
from saft_pipeline.loading.local_files import client_folders
from saft_pipeline.loading.sources import LOCAL, enter_local
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.web import folders, tasks
from saft_pipeline.web.errors import ApiError
from saft_pipeline.web.models import (
    Accepted,
    ActiveTasks,
    File,
    FileId,
    FilePath,
    FileQuery,
    Files,
    Nothing,
    TaskId,
    TaskStatus,
)
from saft_pipeline.web.services import Services


def poll(services: Services, _: Nothing) -> Accepted:
    """Look at the SFTP folder now, and load what is new.

    Dagster's daemon does it within a few seconds; calls until then are one poll.
    """
    task = tasks.poll_id(services.ask_for_tick())
    return Accepted(message="the SFTP folder will be looked at within seconds", task_id=task)


def process_file(services: Services, asked: FilePath) -> Accepted:
    """Load one file: a local one below a configured folder, or a remote one of the ledger.

    A file that was loaded is loaded again, which changes nothing unless its bytes have changed.
    """
    store = services.ledger.store
    names = {each.source for each in services.settings.sources}
    known = [f for f in store.files(path=asked.file_path) if f.source in names and f.is_current]
    if len(known) > 1:
        of = ", ".join(sorted(f.source for f in known))
        raise ApiError(409, "several_sources", f"{asked.file_path} is in {of}: retry one by its id")
    file = known[0] if known else _local(services, asked.file_path)
    return _launch(services, file)


def retry(services: Services, asked: FileId) -> Accepted:
    """Take a file that was not loaded again, now."""
    found = services.ledger.store.files(ids=[asked.id])
    if not found:
        raise ApiError(404, "unknown_file", f"the ledger has no file {asked.id}")
    (file,) = found
    if not file.is_current or file.status == "loaded":
        what = "is loaded already" if file.is_current else "was replaced by a newer version"
        raise ApiError(409, "nothing_to_retry", f"{file.path} (version {file.version}) {what}")
    if file.source != LOCAL and services.settings.source_named(file.source) is None:
        raise ApiError(
            409, "other_source", f"{file.path} is of {file.source}, which is not the server in use"
        )
    return _launch(services, file)


def task_status(services: Services, asked: TaskId) -> TaskStatus:
    """How far a task is."""
    return tasks.status(services, asked.id)


def cancel(services: Services, asked: TaskId) -> Accepted:
    """End a task: a run, or all runs of a poll. Its files become failed, as cancelled."""
    done = [
        runs.cancel(services.instance, services.location, services.ledger.store, run_id)
        for run_id in tasks.run_ids(services, asked.id)
    ]
    return Accepted(message="; ".join(dict.fromkeys(done)), task_id=asked.id)


def active_tasks(services: Services, _: Nothing) -> ActiveTasks:
    """The runs that wait or work."""
    unfinished = runs.unfinished(services.instance, services.location)
    found = [tasks.active(record) for record in unfinished]
    message = f"{len(found)} tasks under way" if found else "nothing is under way"
    return ActiveTasks(message=message, active_tasks={"dagster": found} if found else {})


def list_files(services: Services, asked: FileQuery) -> Files:
    """The ledger: every file that was seen, newest first, page by page."""
    rows = services.ledger.operations.page(
        source=asked.source,
        state=asked.state,
        path=asked.path,
        before=asked.before,
        limit=asked.limit,
    )
    found = [File.model_validate(row) for row in rows]
    return Files(files=found, next=found[-1].id if len(found) == asked.limit else None)


def _local(services: Services, given: str) -> LedgerFile:
    allowed = client_folders(services.settings)
    path = folders.find(given, allowed)
    try:
        return enter_local(services.ledger.store, path, allowed)
    except OSError as error:
        raise ApiError(404, "no_such_file", f"{given}: {error.strerror}") from None


def _launch(services: Services, file: LedgerFile) -> Accepted:
    """Claim a file and put a run for it into the queue."""
    store, lease = services.ledger.store, services.settings.lease
    owner = f"api-{uuid.uuid4().hex[:12]}"
    claimed = store.claim(owner, lease=lease, ids=[file.id])
    if not claimed:
        raise ApiError(409, "busy", f"{file.path} is being loaded by another run")
    try:
        run_id = services.launcher.submit(owner, claimed)
    except BaseException:
        store.release(owner)
        raise
    return Accepted(message=f"{file.path} waits in the queue", task_id=run_id)
