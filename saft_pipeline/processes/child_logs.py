"""Where the words of child processes go: into files, or line by line out in one format."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, TextIO, cast

from saft_pipeline.visible import visible

LogFormat = Literal["plain", "json"]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
_LEVEL_WITHIN = 120  # characters: further right a level's name is somebody's text


class Logs(Protocol):
    """Takes what children say."""

    @property
    def where(self) -> str:
        """Where to look, for messages."""

    def of(self, name: str) -> AbstractContextManager[BinaryIO]:
        """What a child's stdout and stderr are opened on, while it is started."""

    def close(self) -> None:
        """All children have ended."""


class _Read:
    """What children say, line by line, with nothing that would steer a terminal."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    @contextmanager
    def of(self, name: str) -> Iterator[BinaryIO]:
        """A pipe, read by a thread until the child and all that it started have closed it."""
        reading, writing = os.pipe()
        thread = threading.Thread(
            target=self._read, args=(name, reading), name=f"log-{name}", daemon=True
        )
        thread.start()
        self._threads.append(thread)
        with os.fdopen(writing, "wb") as log:
            yield cast(BinaryIO, log)

    def _read(self, name: str, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as lines:
            for line in lines:
                text = _COLOUR.sub("", line.decode(errors="replace").rstrip())
                self.say(name, visible(text))

    def say(self, name: str, message: str) -> None:
        """Keep one line."""
        raise NotImplementedError

    def close(self) -> None:
        """Wait for the last words."""
        for thread in self._threads:
            thread.join(timeout=2)
        self._threads.clear()


class LogFiles(_Read):
    """A file for each child, appended to."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.where = f"see {folder}"

    def say(self, name: str, message: str) -> None:
        """Append one line."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{name}.log").open("a", encoding="utf-8") as log:
            log.write(f"{message}\n")


class LogLines(_Read):
    """Every line of every child, with its name, on one stream."""

    where = "its last words are above"

    def __init__(self, form: LogFormat, out: TextIO = sys.stderr) -> None:
        super().__init__()
        self._form = form
        self._out = out
        self._guard = threading.Lock()

    def say(self, name: str, message: str) -> None:
        """Write one line."""
        if not message:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self._form == "json":
            line = {"time": now, "level": _level(message), "process": name, "message": message}
            text = json.dumps(line, ensure_ascii=False)
        else:
            text = f"{now} {name:11} {message}"
        with self._guard:
            self._out.write(text + "\n")
            self._out.flush()


def _level(message: str) -> str:
    head = message[:_LEVEL_WITHIN]
    return next((level.lower() for level in _LEVELS if level in head), "info")
