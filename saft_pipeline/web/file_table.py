"""Files of the ledger as rows of a page: what became of each, why, and what can be done."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from saft_pipeline.dagster_runtime.names import PUBLISHING
from saft_pipeline.dagster_runtime.partitions import partition_key
from saft_pipeline.store.model import file_key
from saft_pipeline.web.words import Words

_LINE = re.compile(r"^ ?([0-9]+)(?::[0-9]+)?: ")
_AGAIN = ("failed", "unreadable", "gone", "incomplete")


class _Keyed(NamedTuple):
    source: str
    path: str

    @property
    def key(self) -> str:
        return file_key(self.source, self.path)


@dataclass(frozen=True)
class ShownFile:
    """What a row says of a file beyond what the ledger has; `links` by what they lead to."""

    state: str
    about: Sequence[str]
    invoices: str
    seconds: str
    reason: str
    notes: Sequence[str]
    links: Mapping[str, str]
    can_retry: bool


@dataclass(frozen=True)
class Viewer:
    """Who looks: in which language, and where Dagster's page is for that browser."""

    say: Words
    dagster: str

    def run(self, run_id: str) -> str:
        """A run's page in Dagster."""
        return f"{self.dagster}/runs/{quote(run_id)}"

    def asset(self, file: Mapping[str, Any], view: str) -> str:
        """A file's partition in Dagster, or its checks."""
        partition = partition_key(_Keyed(file["source"], file["path"]))
        return (
            f"{self.dagster}/assets/{PUBLISHING}?view={view}&partition={quote(partition, safe='')}"
        )

    def shown(self, file: Mapping[str, Any]) -> ShownFile:
        """A file of the ledger as this reader is shown it."""
        state, count, seconds = shown_state(file), file["total_invoices"], file.get("seconds")
        return ShownFile(
            state,
            self._about(file),
            "" if count is None else self.say.number(count),
            "" if seconds is None else self.say.number(float(seconds), 1),
            self._reason(file),
            self._notes(file),
            self._links(file),
            state in _AGAIN,
        )

    def _reason(self, file: Mapping[str, Any]) -> str:
        """Why it was not loaded, with the line in words; its column helps nobody to find it."""
        said = (file["error"] or "").removeprefix(file["path"] + ":")
        return _LINE.sub(lambda at: f"{self.say('line')} {at[1]}: ", said)

    def _about(self, file: Mapping[str, Any]) -> list[str]:
        about = [file["source"]]
        about += [f"{self.say('version')} {file['version']}"] if file["version"] > 1 else []
        company = file.get("company_name") or file.get("company_id")
        return about + ([company] if company else [])

    def _notes(self, file: Mapping[str, Any]) -> list[str]:
        say, warnings, tries = self.say, file["warnings"], file["attempts"]
        count = warnings if isinstance(warnings, int) else len(warnings)
        notes = [f"{say('warnings')}: {say.number(count)}"] if count else []
        return notes + ([f"{say('try')} {tries}"] if tries > 1 else [])

    def _links(self, file: Mapping[str, Any]) -> dict[str, str]:
        run = {"run": self.run(file["run_id"])} if file["run_id"] else {}
        # A partition that failed has its reason among its events alone.
        view = "partitions" if file["status"] == "loaded" else "events"
        return run | {"partition": self.asset(file, view), "checks": self.asset(file, "checks")}


def shown_state(file: Mapping[str, Any]) -> str:
    """The file's state; one that is loaded and holds no invoice has one of its own."""
    status = str(file["status"])
    return "empty" if status == "loaded" and file["total_invoices"] == 0 else status
