"""The addresses for people: the status page at `/`, the list of files, and the reports."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from saft_pipeline.settings import Settings
from saft_pipeline.store.model import STATES
from saft_pipeline.web import pages, status_page
from saft_pipeline.web.errors import ApiError
from saft_pipeline.web.file_table import Viewer
from saft_pipeline.web.login_page import COOKIE
from saft_pipeline.web.routes import answering
from saft_pipeline.web.services import Services
from saft_pipeline.web.snapshot import Snapshots
from saft_pipeline.web.words import STATE_WORDS, Words

_PAGE = 100


class People:
    """The pages over the services; what is shown of the ledger comes from the snapshots."""

    def __init__(self, services: Services, snapshots: Snapshots) -> None:
        self._services = services
        self._snapshots = snapshots

    async def status(self, request: Request) -> Response:
        """The status page, or what is new in it since the page that has this ETag."""
        seen = await self._snapshots.newest()
        place = viewer_of(request, self._services.settings)
        settings = self._services.settings
        body = status_page.main_part(
            seen, place, settings.look_interval, settings.max_concurrent_runs
        )
        if request.query_params.get("part") != "main":
            return _whole(request, place, "Status", main=body, live=True)
        etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        # A proxy that compresses weakens it.
        if etag in request.headers.get("If-None-Match", "").replace("W/", "").split(", "):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(body, headers=headers)

    async def files(self, request: Request) -> Response:
        """The ledger by state or path, page by page."""
        place, asked = viewer_of(request, self._services.settings), request.query_params
        state, path, before = asked.get("state"), asked.get("path") or None, asked.get("before")
        empty = state == "empty"
        wanted = "loaded" if empty else state or None
        if (wanted and wanted not in STATES) or (before and not before.isdecimal()):
            raise ApiError(400, "bad_request", "there is no such state, or `before` is no id")
        if "\0" in (path or "") or (before and int(before) >= 2**63):
            raise ApiError(400, "bad_request", "there is no such path, or `before` is no id")
        operations = await self._services.call(lambda: self._services.ledger.operations)
        rows = await self._services.call(
            lambda: (
                operations.empty(before=int(before) if before else None, limit=_PAGE)
                if empty
                else operations.page(
                    state=wanted, path=path, before=int(before) if before else None, limit=_PAGE
                )
            )
        )
        main = pages.rendered(
            "files.html",
            say=place.say,
            place=place,
            files=rows,
            state=state,
            next_page=_next_page(rows, state or "", path or ""),
            STATES=STATE_WORDS,
        )
        return _whole(request, place, "Files", main=main, live=False)

    def refused(self, request: Request, error: ApiError) -> Response:
        """Why there is no such page, for who reads it: a person, or a program."""
        if "text/html" not in request.headers.get("Accept", ""):
            return error.response()
        place = viewer_of(request, self._services.settings)
        main = pages.rendered("refused.html", say=place.say, message=str(error))
        answer = _whole(request, place, "This can't be shown", main=main, live=False)
        answer.status_code = error.status
        return answer

    async def report(self, request: Request) -> Response:
        """A report as a page, CSV or a spreadsheet, of what the address says."""
        name, _, form = request.path_params["name"].partition(".")
        lang = pages.preferred_language(request.headers.get("Accept-Language", ""))
        asked = {"lang": lang, **request.query_params}

        def answer() -> Response:
            # The first time it takes half a second, in which all others are answered.
            from saft_pipeline.web import report_pages

            return report_pages.answer(self._services, name, form, asked)

        return await self._services.call(answer)


def viewer_of(request: Request, settings: Settings) -> Viewer:
    """Where Dagster's page is for this browser: behind a proxy it is at the same address."""
    lang = pages.preferred_language(request.headers.get("Accept-Language", ""))
    host, colon, port = request.headers.get("Host", "").rpartition(":")
    here = bool(colon) and port == str(settings.api_port)
    dagster = f"{request.scope['scheme']}://{host}:{settings.dagster_port}" if here else ""
    return Viewer(Words(lang), dagster)


def routes(people: People) -> list[Route]:
    """The addresses."""
    script = (resources.files(__package__) / "status.js").read_bytes()

    async def the_script(_: Request) -> Response:
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    handlers: Mapping[str, Callable[[Request], Awaitable[Response]]] = {
        "/": people.status,
        "/files": people.files,
        "/reports/{name}": people.report,
        "/status.js": the_script,
    }
    return [Route(path, answering(handle, people.refused)) for path, handle in handlers.items()]


def _whole(request: Request, place: Viewer, title: str, **values: Any) -> HTMLResponse:
    return pages.page_response(
        "people.html",
        say=place.say,
        place=place,
        title=title,
        logged_in=COOKIE in request.cookies,
        **values,
    )


def _next_page(rows: list[Any], state: str, path: str) -> str:
    """The address of what follows, if there may be more."""
    if len(rows) < _PAGE:
        return ""
    query = {"state": state, "path": path, "before": str(rows[-1]["id"])}
    return f"/files?{urlencode({k: v for k, v in query.items() if v}, quote_via=quote)}"
