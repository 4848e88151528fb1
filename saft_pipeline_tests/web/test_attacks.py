"""What the guard lets through, without a server: the bytes of a request are the test's own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from saft_pipeline.web.guard import Guard, RateLimit
from saft_pipeline.web.login import Logins, Sessions, Throttle
from saft_pipeline.web.login_page import LoginPage

TOKEN = "a-token-of-the-tests"
HERE = "127.0.0.1:8000"


async def let_in(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that everything has reached that is let in."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": (await receive())["body"]})


def guard(
    folder: Path,
    *,
    token: str | None = None,
    users: dict[str, str] | None = None,
    hosts: tuple[str, ...] = (),
    limit: RateLimit | None = None,
) -> Guard:
    logins = Logins(users or {})
    login = LoginPage(logins, Sessions(folder / "sessions", logins), Throttle(lambda: 0.0))
    return Guard(let_in, login=login, token=token, hosts=hosts, limit=limit)


def ask(
    guard: Guard,
    method: str = "GET",
    path: str = "/api/files",
    body: bytes = b"",
    kind: str = "http",
    **headers: Any,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer; of a websocket 101 or 403."""
    given = {"host": HERE, **{k.replace("_", "-"): v for k, v in headers.items()}}
    path, _, query = path.partition("?")
    scope = {
        "type": kind, "method": method, "path": path, "query_string": query.encode(),
        "scheme": "http", "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 5),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in given.items()],
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    if kind == "websocket":
        return (101 if sent[0]["type"] == "websocket.accept" else 403), {}, b""
    answered = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], answered, b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize(
    "host",
    ["x/docs?", "a{b.example:8000", "evil.example", "localhost.evil.example", "127.0.0.1@evil",
     "127.0.0.1:80:80", "127.0.0.1:8000/docs", "", "localhost evil", "[::1", "0.0.0.0"],
)  # fmt: skip
def test_no_name_but_the_loopbacks_is_answered(tmp_path: Path, host: str) -> None:
    assert ask(guard(tmp_path), host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_the_loopbacks_names_are_answered(tmp_path: Path, host: str) -> None:
    assert ask(guard(tmp_path), host=host)[0] == 200


def test_a_name_of_the_settings_is_answered(tmp_path: Path) -> None:
    assert ask(guard(tmp_path, hosts=("saft.example",)), host="saft.example:443")[0] == 200


@pytest.mark.parametrize("host", ["x/docs?", "x/docs#", "127.0.0.1/docs?", "localhost/login?"])
def test_no_host_opens_what_needs_a_token(tmp_path: Path, host: str) -> None:
    assert ask(guard(tmp_path, token=TOKEN), host=host)[0] in (401, 403)


@pytest.mark.parametrize("path", ["/api/files/docs", "/docs/../api/files", "//docs", "/docs/"])
def test_only_the_description_itself_is_open(tmp_path: Path, path: str) -> None:
    assert ask(guard(tmp_path, token=TOKEN), path=path)[0] == 401


def test_the_token_opens_whatever_the_name(tmp_path: Path) -> None:
    given: dict[str, Any] = {"host": "saft:8000", "authorization": f"Bearer {TOKEN}"}
    assert ask(guard(tmp_path, token=TOKEN), **given)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
        {
            "sec_fetch_site": "cross-site",
            "sec_fetch_mode": "navigate",
            "sec_fetch_dest": "document",
        },
    ],
    ids=str,
)
@pytest.mark.parametrize(("method", "kind"), [("POST", "http"), ("GET", "websocket")])
def test_no_page_of_another_origin_changes_anything(
    tmp_path: Path, headers: dict[str, Any], method: str, kind: str
) -> None:
    assert ask(guard(tmp_path), method, kind=kind, **headers)[0] == 403


def test_no_page_of_another_origin_has_an_answer_loaded(tmp_path: Path) -> None:
    headers: dict[str, Any] = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}
    assert ask(guard(tmp_path), sec_fetch_dest="script", **headers)[0] == 403
    headers["sec_fetch_mode"] = "navigate"
    assert ask(guard(tmp_path), sec_fetch_dest="iframe", **headers)[0] == 403
    assert ask(guard(tmp_path), sec_fetch_dest="document", **headers)[0] == 200


@pytest.mark.parametrize(("method", "kind"), [("POST", "http"), ("GET", "websocket")])
def test_our_own_pages_and_programs_may(tmp_path: Path, method: str, kind: str) -> None:
    ours: dict[str, Any] = {"origin": f"http://{HERE}", "sec_fetch_site": "same-origin"}
    assert ask(guard(tmp_path), method, kind=kind, **ours)[0] in (200, 101)
    assert ask(guard(tmp_path), method, kind=kind)[0] in (200, 101)


def test_every_answer_says_what_it_is_not_for(tmp_path: Path) -> None:
    for answer in (ask(guard(tmp_path)), ask(guard(tmp_path), host="evil.example")):
        assert answer[1]["x-frame-options"] == "DENY"
        assert answer[1]["x-content-type-options"] == "nosniff"


def test_a_body_is_bounded(tmp_path: Path) -> None:
    assert ask(guard(tmp_path), "POST", body=b"x" * 70_000)[0] == 413
    assert ask(guard(tmp_path), "POST", body=b"x" * 60_000)[2] == b"x" * 60_000


def test_a_flood_is_told_to_wait(tmp_path: Path) -> None:
    limited = guard(tmp_path, limit=RateLimit(per_second=0.5, burst=2, clock=lambda: 0.0))
    assert [ask(limited)[0] for _ in range(3)] == [200, 200, 429]


USERS = {"maria": "right:horse"}


def log_in(guard: Guard, password: str = "right:horse", there: str = "/") -> Any:
    body = f"user=maria&password={password.replace(':', '%3A')}&next={there}"
    return ask(guard, "POST", "/login", body.encode())


def cookie(answer: Any) -> str:
    value: str = answer[1]["set-cookie"].partition(";")[0]
    return value


@pytest.fixture
def locked(tmp_path: Path) -> Guard:
    return guard(tmp_path, users=USERS)


def test_who_has_not_logged_in_is_sent_to_the_form_or_refused(locked: Guard) -> None:
    assert ask(locked)[0] == 401
    assert ask(locked, kind="websocket")[0] == 403
    status, headers, _ = ask(locked, path="/runs/1?a=b", accept="text/html")
    assert (status, headers["location"]) == (303, "/login?next=/runs/1")


def test_logging_in_opens_until_logging_out(locked: Guard) -> None:
    status, headers, _ = answer = log_in(locked, there="/runs")
    assert (status, headers["location"]) == (303, "/runs")
    assert {"HttpOnly", "SameSite=lax"} <= set(headers["set-cookie"].split("; "))
    assert ask(locked, cookie=cookie(answer))[0] == 200
    ask(locked, "POST", "/logout", cookie=cookie(answer))
    assert ask(locked, cookie=cookie(answer))[0] == 401


def test_another_process_of_the_home_knows_the_session(locked: Guard, tmp_path: Path) -> None:
    session = cookie(log_in(locked))
    assert ask(guard(tmp_path, users=USERS), cookie=session)[0] == 200


def test_a_changed_password_ends_the_sessions(locked: Guard, tmp_path: Path) -> None:
    session = cookie(log_in(locked))
    assert ask(guard(tmp_path, users={"maria": "another"}), cookie=session)[0] == 401


def test_a_session_nobody_uses_ends(locked: Guard, tmp_path: Path) -> None:
    session = cookie(log_in(locked))
    (kept,) = (tmp_path / "sessions").iterdir()
    os.utime(kept, (1, 1))
    assert ask(locked, cookie=session)[0] == 401
    assert not kept.exists()


@pytest.mark.parametrize(
    "forged", ["", "x", "../../etc/passwd", "A" * 43, "saft_session=a; saft_session=b"]
)
def test_a_forged_session_opens_nothing(locked: Guard, forged: str) -> None:
    log_in(locked)
    assert ask(locked, cookie=f"saft_session={forged}")[0] == 401


def test_guessing_is_slowed_down(locked: Guard) -> None:
    assert [log_in(locked, "wrong")[0] for _ in range(4)] == [401, 401, 401, 429]
    assert log_in(locked)[0] == 429


@pytest.mark.parametrize(
    "there", ["//evil.example", "https://evil.example", "/%5Cevil.example", "javascript:x"]
)
def test_the_form_leads_to_no_other_site(locked: Guard, there: str) -> None:
    assert log_in(locked, there=there)[1]["location"] == "/"


def test_scripts_log_in_by_basic(locked: Guard) -> None:
    assert ask(locked, authorization="Basic bWFyaWE6cmlnaHQ6aG9yc2U=")[0] == 200
    assert ask(locked, authorization="Basic bWFyaWE6d3Jvbmc=")[0] == 401
    assert ask(locked, authorization="Basic %%%")[0] == 401


def test_the_form_speaks_the_browsers_language(locked: Guard) -> None:
    assert b"Palavra-passe" in ask(locked, path="/login", accept_language="pt-PT,en;q=0.5")[2]
    assert b"Password" in ask(locked, path="/login", accept_language="en")[2]


def test_what_a_link_brings_into_the_form_is_text(locked: Guard) -> None:
    assert b"<script" not in ask(locked, path='/login?next="><script>')[2]
