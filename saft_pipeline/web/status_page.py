"""The status page: whether all is well, since when, and what to do; then the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import escape
from typing import Any

from saft_pipeline.dagster_runtime.names import CANNOT_POLL
from saft_pipeline.visible import visible
from saft_pipeline.web import bars
from saft_pipeline.web.file_table import Place, file_table, moment
from saft_pipeline.web.health import CONNECTED
from saft_pipeline.web.models import ActiveTask
from saft_pipeline.web.snapshot import Snapshot
from saft_pipeline.web.words import MANY, STATES, Words

_WANTING = ("failed", "unreadable", "gone")
_SERVERS = {"sftp": "SFTP server", "supabase": "Database", "dagster": "Dagster"}


@dataclass(frozen=True)
class Trouble:
    """One thing that is not well: what, since when (ISO), the words of who failed, what to do; of
    files how many.
    """  # fmt: skip

    title: str
    since: str | None = None
    reason: str = ""
    advice: str = ""
    count: int = 0


def main_part(seen: Snapshot, place: Place, interval: int, workers: int) -> str:
    """What is inside of `<main>`; `interval`: seconds between polls, `workers`: runs at once."""
    say, ledger = place.say, seen.ledger or {}
    wanting = file_table(ledger.get("attention", ()), place, nothing="Nothing failed.", again=True)
    newest = file_table(ledger.get("latest", ()), place, nothing="No files yet.")
    parts = [
        _verdict(seen, say),
        _counts(ledger, say),
        f'<section id="wanting"><h2>{say("Not loaded")}</h2>{wanting}</section>',
        _under_way(seen.active, place, workers),
        f'<div class="pair">{_servers(seen, say, interval)}{_reports(seen, say)}</div>',
        _speed(ledger.get("hours", ()), seen.at, say),
        f"<section><h2>{say('Newest files')}</h2>{newest}"
        f'<p><a href="/files">{say("All files")}</a></p></section>',
        f'<p class="dim">{say("Read by this page at")} {moment(seen.at.isoformat())}</p>',
    ]
    return "\n".join(parts)


_AGAIN = "It is asked again by itself; this page recovers when it answers."
_SILENT = {
    "sftp": "the SFTP server does not answer",
    "supabase": "the database does not answer",
    "database": "the database does not answer",
    "dagster": "Dagster does not answer",
}


def troubles(seen: Snapshot) -> Iterator[Trouble]:
    """What is not well, the worst first."""
    states = seen.health.services.model_dump() if seen.health else {}
    silent = {_SILENT[name]: said for name, said in states.items() if said != CONNECTED}
    silent |= {_SILENT[who]: reason for who, reason in seen.problems.items()}
    for title, reason in silent.items():
        yield Trouble(title, reason=reason, advice=_AGAIN)
    if seen.tick and (said := seen.tick.error or _cannot_poll(seen.tick.skip_reason)):
        since = datetime.fromtimestamp(seen.tick.began, UTC).isoformat()
        yield Trouble("the last look at the folder failed", since, said)
    if count := sum(_total(seen.ledger or {}, state) for state in _WANTING):
        yield Trouble(
            "1 file was not loaded" if count == 1 else "{n} files were not loaded",
            (seen.ledger or {}).get("failed_since"),
            advice="Read its reason below: have it exported again (it is taken by itself), or "
            "press Retry.",
            count=count,
        )


def _cannot_poll(said: str | None) -> str:
    return said if said and said.startswith((CANNOT_POLL, "tried again")) else ""


def _total(ledger: Mapping[str, Any], state: str) -> int:
    return int(sum(counts.get(state, 0) for counts in ledger.get("sources", {}).values()))


def _verdict(seen: Snapshot, say: Words) -> str:
    found = list(troubles(seen))
    if not found:
        loaded, waiting = (_total(seen.ledger or {}, s) for s in ("loaded", "pending"))
        text = "{n} files are loaded; nothing failed and nothing waits."
        if waiting:
            text = "1 file waits to be loaded" if waiting == 1 else "{n} files wait to be loaded"
        elif not loaded:
            text = "Nothing was loaded yet. Drop a SAF-T file into the SFTP folder."
        oldest = seen.ledger and seen.ledger.get("oldest_pending")
        since = f", {say('since')} {moment(oldest)}" if waiting and oldest else ""
        told = say(text, n=say.number(waiting or loaded))
        return (
            f'<section class="verdict well" role="status"><h1>✓ {say("All is well")}</h1>'
            f"<p>{told}{since}</p></section>"
        )
    only_files = all(each.count for each in found)
    head = say("Look at this" if only_files else "Something is wrong")
    items = "".join(_trouble(each, say) for each in found)
    return (
        f'<section class="verdict {"look" if only_files else "wrong"}" role="status">'
        f"<h1>✗ {head}</h1><ul>{items}</ul></section>"
    )


def _trouble(each: Trouble, say: Words) -> str:
    title = say(each.title, n=say.number(each.count))
    since = f", {say('since')} {moment(each.since)}" if each.since else ""
    reason = f"<br>{escape(visible(each.reason))}" if each.reason else ""
    advice = f'<br><span class="dim">{say(each.advice)}</span>' if each.advice else ""
    return f"<li><strong>{title}</strong>{since}{reason}{advice}</li>"


def _counts(ledger: Mapping[str, Any], say: Words) -> str:
    cells = {state: _total(ledger, state) for state in STATES if state != "empty"}
    cells["empty"] = ledger.get("empty", 0)
    boxes = "".join(
        f'<a class="count {state}" href="/files?state={state}"><b>{say.number(n)}</b> '
        f"{say(MANY.get(state, STATES[state]) if n != 1 else STATES[state])}</a>"
        for state, n in cells.items()
        if n or state in ("failed", "running", "pending", "loaded")
    )
    return f'<nav class="counts" aria-label="{say("Files")}">{boxes}</nav>{_sources(ledger, say)}'


def _sources(ledger: Mapping[str, Any], say: Words) -> str:
    """By source, where there is more than one."""
    sources = ledger.get("sources", {})
    if len(sources) < 2:
        return ""
    states = [s for s in STATES if any(counts.get(s) for counts in sources.values())]
    head = "".join(f'<th class="n">{say(STATES[s])}</th>' for s in states)
    rows = "".join(
        f"<tr><th>{escape(visible(name))}</th>"
        + "".join(f'<td class="n">{say.number(counts.get(s, 0))}</td>' for s in states)
        + "</tr>"
        for name, counts in sorted(sources.items())
    )
    return (
        f'<details id="sources" class="card" open><summary>{say("Source")}</summary>'
        '<div class="scroll"><table>'
        f"<thead><tr><th>{say('Source')}</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        "</details>"
    )


def _under_way(active: Sequence[ActiveTask], place: Place, workers: int) -> str:
    say = place.say
    rows = "".join(_run(each, place) for each in active[:50]) or (
        f'<p class="dim">{say("Nothing runs.")}</p>'
    )
    working = sum(each.state == "STARTED" for each in active)
    return (
        f'<section><h2>{say("Under way")} <small class="dim">{working} / {workers} '
        f'{say("workers")}</small></h2><ul class="runs">{rows}</ul></section>'
    )


def _run(each: ActiveTask, place: Place) -> str:
    say = place.say
    state = STATES["running" if each.state == "STARTED" else "pending"]
    began = (
        moment(datetime.fromtimestamp(each.time_start, UTC).isoformat()) if each.time_start else ""
    )
    what = escape(each.args[0].rpartition("~")[0]) if each.args else ""
    return (
        f'<li><span class="pill running">{say(state)}</span> '
        f'<a href="{escape(place.run(each.id))}">{escape(each.id[:8])}</a> '
        f"{say.number(each.total)} {say('files')} {what} {began} "
        f'<form method="post" action="/api/tasks/{escape(each.id)}/cancel">'
        f'<button class="small" id="cancel-{escape(each.id[:8])}">{say("Cancel")}</button></form>'
        "</li>"
    )


def _speed(hours: Sequence[Mapping[str, Any]], at: datetime, say: Words) -> str:
    by_hour = {datetime.fromisoformat(h["hour"]).astimezone(UTC): h for h in hours}
    now = at.replace(minute=0, second=0, microsecond=0)
    last_day = [now - timedelta(hours=n) for n in range(23, -1, -1)]
    of_hours = [
        bars.Bar(f"{hour:%H}:00 UTC", *_sums([by_hour[hour]] if hour in by_hour else []))
        for hour in last_day
    ]
    days = [now.date() - timedelta(days=n) for n in range(6, -1, -1)]
    of_days = [
        bars.Bar(day.isoformat(), *_sums([h for k, h in by_hour.items() if k.date() == day]))
        for day in days
    ]
    charts = bars.chart(say("Files an hour, last 24 hours"), of_hours, say)
    charts += bars.chart(say("Files a day, last 7 days"), of_days, say)
    return f'<section><h2>{say("Speed")}</h2><div class="pair">{charts}</div></section>'


def _sums(hours: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    return sum(int(h["files"]) for h in hours), sum(int(h["rows"]) for h in hours)


def _servers(seen: Snapshot, say: Words, interval: int) -> str:
    states = seen.health.services.model_dump() if seen.health else {}
    rows = "".join(
        f"<tr><th>{say(label)}</th>{_server(states.get(name), say)}</tr>"
        for name, label in _SERVERS.items()
    )
    return (
        f'<section><h2>{say("Servers")}</h2><table class="plain">{rows}'
        f"{_polls(seen, say, interval)}</table>"
        f'<form method="post" action="/api/download-sftp-queue"><button class="small" id="poll">'
        f"{say('Poll now')}</button></form></section>"
    )


def _server(state: str | None, say: Words) -> str:
    if state is None:
        return f'<td class="dim">{say("asking…")}</td>'
    if state == CONNECTED:
        return f'<td class="good">{say(state)}</td>'
    return f'<td class="bad">{escape(visible(state))}</td>'


def _polls(seen: Snapshot, say: Words, interval: int) -> str:
    tick = seen.tick
    if tick is None:
        return f"<tr><th>{say('Last look')}</th><td>{say('never')}</td></tr>"
    began = datetime.fromtimestamp(tick.began, UTC)
    said = tick.error or tick.skip_reason or f"{len(tick.run_ids)} {say('runs')}"
    after = began + timedelta(seconds=interval)
    due = moment(after.isoformat()) if after > seen.at else say("in seconds")
    return (
        f"<tr><th>{say('Last look')}</th><td>{moment(began.isoformat())}: "
        f"{escape(visible(said))}</td></tr>"
        f"<tr><th>{say('Next look')}</th><td>{due}</td></tr>"
    )


def _reports(seen: Snapshot, say: Words) -> str:
    first, last = last_month(seen.at.date())
    options = "".join(
        f'<option value="{escape(str(c["company_id"]))}">'
        f"{escape(visible(c['company_name'] or ''))} ({escape(str(c['company_id']))})</option>"
        for c in seen.companies[:500]
    )
    return f"""<section><h2>{say("Reports")}</h2>
<form action="/reports/vat" class="report" id="report">
<label>{say("Company")}<select name="company" id="report-company">{options}</select></label>
<label>{say("From")}<input type="date" name="from" id="report-from" value="{first}"></label>
<label>{say("To")}<input type="date" name="to" id="report-to" value="{last}"></label>
<p><button id="report-vat">{say("VAT")}</button>
<button class="small" formaction="/reports/sales" id="report-sales">{say("Sales")}</button></p>
</form></section>"""


def last_month(today: date) -> tuple[date, date]:
    """Its first and its last day."""
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last
