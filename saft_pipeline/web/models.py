"""The shapes of what the API takes and answers; the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

FileState = Literal["pending", "incomplete", "running", "loaded", "failed", "gone", "unreadable"]
TaskState = Literal["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]


def _storable(text: str) -> str:
    try:
        if b"\0" in text.encode():
            raise ValueError("a null character is in no name")
    except UnicodeEncodeError:
        raise ValueError("half a character is in no name") from None
    return text


Name = Annotated[
    str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})
]
"""Text that a database and a file system can have."""


class Nothing(BaseModel):
    """A call that takes nothing."""


class TaskId(BaseModel):
    """A task, as the answer that began it names it."""

    id: Name = Field(max_length=100, description="the `task_id` of an answer")


class FileId(BaseModel):
    """A file, as the ledger numbers it."""

    id: int = Field(ge=1, lt=2**63, description="the `id` of a file in /api/files")


class FilePath(BaseModel):
    """A file to load."""

    model_config = ConfigDict(extra="forbid")
    file_path: Name = Field(
        min_length=1,
        max_length=4096,
        description="a local path below a configured folder, or a remote path of the ledger",
    )


class FileQuery(BaseModel):
    """Which files of the ledger."""

    model_config = ConfigDict(extra="forbid")
    source: Name | None = Field(None, max_length=4096, description="only files of this source")
    state: FileState | None = Field(None, description="only files in this state")
    path: Name | None = Field(None, max_length=4096, description="one file, in all its versions")
    limit: int = Field(100, ge=1, le=1000, description="most files of a page")
    before: int | None = Field(
        None, ge=1, lt=2**63, description="the `next` of the page that came before"
    )


class Accepted(BaseModel):
    """Work that was begun, or will be; `task_id` finds it again."""

    status: Literal["success"] = "success"
    message: str
    task_id: str


class FileLoaded(BaseModel):
    """A file whose rows are in the tables."""

    status: Literal["success"] = "success"
    file: str
    total_faturas: int = Field(description="invoices in the file")


class FileNotLoaded(BaseModel):
    """A file that was not loaded, and why."""

    status: Literal["error"] = "error"
    file: str
    message: str


FileResult = FileLoaded | FileNotLoaded


class TaskStatus(BaseModel):
    """How far a task is, in Celery's words; `current` of `total` files are settled."""

    state: TaskState
    current: int
    total: int
    status: str = Field(description="the same in a sentence")
    result: FileResult | list[FileResult] | None = Field(
        description="of one file, or of each file of a poll; null until the task has ended"
    )


class ActiveTask(BaseModel):
    """A run that waits or works; the first four are Celery's."""

    id: str
    name: str
    args: list[str] = Field(description="the partition of a run for one file")
    time_start: float | None = Field(description="epoch seconds; null while it waits")
    state: TaskState
    total: int = Field(description="files")


class ActiveTasks(BaseModel):
    """What is under way, by who does it; an empty object if nothing is."""

    status: Literal["success"] = "success"
    message: str
    active_tasks: dict[str, list[ActiveTask]]


class ServiceStates(BaseModel):
    """`connected`, or why not."""

    sftp: str
    supabase: str
    dagster: str


class Health(BaseModel):
    """Whether all that is needed answers; sent with status 503 if not."""

    status: Literal["healthy", "unhealthy"]
    timestamp: str
    services: ServiceStates


class File(BaseModel):
    """A version of a file, as the ledger knows it."""

    id: int
    source: str
    path: str
    version: int
    filename: str
    branch: str | None
    size: int
    modified_at: str
    status: FileState
    attempts: int
    next_attempt_at: str | None
    error: str | None
    warnings: list[dict[str, Any]]
    run_id: str | None
    company_id: str | None
    total_invoices: int | None
    total_lines: int | None
    first_seen_at: str
    loaded_at: str | None


class Files(BaseModel):
    """A page of the ledger, newest first."""

    files: list[File]
    next: int | None = Field(description="`before` of the next page; null on the last")


class Problem(BaseModel):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str


class Error(BaseModel):
    """The body of every answer with status 400 and above (but /api/health's 503)."""

    error: Problem
