"""Files of the ledger as rows of a page: what became of each, why, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from saft_pipeline.dagster_runtime.names import PUBLISHING
from saft_pipeline.dagster_runtime.partitions import partition_key
from saft_pipeline.store.model import file_key
from saft_pipeline.visible import one_line, visible
from saft_pipeline.web.words import STATES, Words

_AGAIN = ("failed", "unreadable", "gone", "incomplete")


class _Keyed(NamedTuple):
    source: str
    path: str

    @property
    def key(self) -> str:
        return file_key(self.source, self.path)


@dataclass(frozen=True)
class Place:
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


def moment(iso: str | None) -> str:
    """A time; the script tells it as this browser's clock has it."""
    if not iso:
        return ""
    shown = f"{iso[:16].replace('T', ' ')} UTC"
    return f'<time datetime="{escape(iso)}">{escape(shown)}</time>'


def file_table(
    files: Sequence[Mapping[str, Any]], place: Place, *, nothing: str, again: bool = False
) -> str:
    """The table, or in a sentence that there is nothing; `again`: with a button to retry."""
    say = place.say
    if not files:
        return f'<p class="dim">{say(nothing)}</p>'
    heads = ("State", "File", "Invoices", "Seconds", "Reason")
    head = "".join(f"<th>{say(name)}</th>" for name in heads)
    rows = "".join(_row(file, place, again=again) for file in files)
    return (
        f'<table class="files"><thead><tr>{head}<th></th></tr></thead><tbody>{rows}</tbody></table>'
    )


def shown_state(file: Mapping[str, Any]) -> str:
    """The file's state; one that is loaded and holds no invoice has one of its own."""
    status = str(file["status"])
    return "empty" if status == "loaded" and file["total_invoices"] == 0 else status


def _row(file: Mapping[str, Any], place: Place, *, again: bool) -> str:
    say, state = place.say, shown_state(file)
    seconds = file.get("seconds")
    count = file["total_invoices"]
    return (
        f'<tr class="{state}"><td><span class="pill {state}">{say(STATES[state])}</span></td>'
        f'<td class="file">{_name(file, say)}</td>'
        f'<td class="n" data-label="{say("Invoices")}">'
        f"{'' if count is None else say.number(count)}</td>"
        f'<td class="n" data-label="{say("Seconds")}">'
        f"{'' if seconds is None else say.number(float(seconds), 1)}</td>"
        f'<td class="reason">{_reason(file, place)}</td>'
        f"<td>{_retry(file, say) if again and state in _AGAIN else ''}</td></tr>"
    )


def _name(file: Mapping[str, Any], say: Words) -> str:
    about = [one_line(file["source"])]
    about += [f"{say('version')} {file['version']}"] if file["version"] > 1 else []
    company = file.get("company_name") or file.get("company_id")
    about += [one_line(company)] if company else []
    return (
        f"<strong>{escape(one_line(file['path']))}</strong>"
        f'<br><span class="dim">{escape(" · ".join(about))} · '
        f"{moment(file['loaded_at'] or file['first_seen_at'])}</span>"
    )


def _reason(file: Mapping[str, Any], place: Place) -> str:
    say = place.say
    said = visible((file["error"] or "").removeprefix(file["path"] + ":"))
    links = {"run": place.run(file["run_id"])} if file["run_id"] else {}
    # A partition that failed has its reason among its events alone.
    view = "partitions" if file["status"] == "loaded" else "events"
    links |= {"partition": place.asset(file, view), "checks": place.asset(file, "checks")}
    shown = " · ".join(
        f'<a href="{escape(there)}">{say(name)}</a>' for name, there in links.items()
    )
    warnings = file["warnings"] if isinstance(file["warnings"], int) else len(file["warnings"])
    more = [f"{say('warnings')}: {say.number(warnings)}"] if warnings else []
    more += [f"{say('try')} {file['attempts']}"] if file["attempts"] > 1 else []
    if file["next_attempt_at"]:
        more.append(f"{say('tried again by itself')} {moment(file['next_attempt_at'])}")
    told = f"<p>{escape(said)}</p>" if said else ""
    return f'{told}<small class="dim">{" · ".join([*more, shown])}</small>'


def _retry(file: Mapping[str, Any], say: Words) -> str:
    name = escape(one_line(file["path"]))
    return (
        f'<form method="post" action="/api/files/{file["id"]}/retry"><button class="small" '
        f'id="retry-{file["id"]}" aria-label="{say("Retry")}: {name}">{say("Retry")}</button>'
        "</form>"
    )
