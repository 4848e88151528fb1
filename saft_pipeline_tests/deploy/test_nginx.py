"""`.deploy/nginx/saft.conf` in a real nginx, before stand-ins for Dagster and the API."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from saft_pipeline_tests.fixtures import in_thread
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.fixtures.tls import Certificate, self_signed

CONF = Path(__file__).parents[2] / ".deploy" / "nginx" / "saft.conf"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
LOGIN = ("maria", "a long password")

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed (Debian: nginx-light)"
)


@dataclass(frozen=True)
class Site:
    """Where nginx listens, and what its certificate is vouched for by."""

    http: int
    https: int
    trust: ssl.SSLContext

    @property
    def origin(self) -> str:
        """As a browser names it."""
        return f"https://localhost:{self.https}"

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask for something, with the login."""
        return self.ask("GET", path, **{"auth": LOGIN, **options})

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask for something."""
        with httpx.Client(verify=self.trust, base_url=self.origin) as client:
            return client.request(method, path, **options)


def stand_in(name: str) -> uvicorn.Server:
    """A server that says who it is and what it was asked; over a websocket it repeats."""

    async def answer(request: Request) -> JSONResponse:
        asked = {"path": request.url.path, "headers": dict(request.headers)}
        return JSONResponse({"server": name, **asked})

    async def repeat(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{name} heard {await socket.receive_text()}")
        await socket.close()

    every = Route("/{path:path}", answer, methods=["GET", "POST"])
    app = Starlette(routes=[WebSocketRoute("/graphql", repeat), every])
    return uvicorn.Server(uvicorn.Config(app, log_config=None))


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Of the stand-ins."""
    with (
        in_thread.listening(stand_in("dagster")) as dagster,
        in_thread.listening(stand_in("api")) as api,
    ):
        yield {"dagster": dagster, "api": api}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ports: dict[str, int]) -> Iterator[Site]:
    """nginx with the configuration, in which only places are changed."""
    folder = tmp_path_factory.mktemp("nginx")
    made = self_signed(folder)
    trust = ssl.create_default_context(cafile=str(made.certificate))
    site = Site(free_port(), free_port(), trust)
    main = _main_conf(folder, _moved(folder, made, site, ports))
    process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(main)])
    try:
        _wait_for(site.https, process)
        yield site
    finally:
        process.terminate()
        process.wait(timeout=60)


def _moved(folder: Path, made: Certificate, site: Site, ports: dict[str, int]) -> Path:
    passwords = folder / "saft.htpasswd"
    user, password = LOGIN
    hashed = subprocess.check_output(["openssl", "passwd", "-6", password], text=True)
    passwords.write_text(f"{user}:{hashed}")
    text = CONF.read_text()
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{site.http};",
        "listen 443 ": f"listen 127.0.0.1:{site.https} ",
        "saft.example.com;": "localhost;",
        "/etc/ssl/certs/saft.example.com.pem": str(made.certificate),
        "/etc/ssl/private/saft.example.com.key": str(made.key),
        "/etc/nginx/saft.htpasswd;": f"{passwords};",
        "127.0.0.1:3000": f"127.0.0.1:{ports['dagster']}",
        "127.0.0.1:8000": f"127.0.0.1:{ports['api']}",
    }.items():
        assert old in text, f"the configuration has no {old} any more"
        text = text.replace(old, new)
    path = folder / "saft.conf"
    path.write_text(text)
    return path


def _main_conf(folder: Path, included: Path) -> Path:
    """What a distribution's nginx.conf does."""
    # The folders of a test are root's alone, and so must the workers be to read in them.
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log stderr warn; "
        f"events {{}} http {{ access_log off; {temporary} include {included}; }}\n"
    )
    return path


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "nginx refuses the configuration; see its words above"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")


def test_without_a_password_the_page_is_not_shown(site: Site) -> None:
    answer = site.get("/runs", auth=None)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401, 'Basic realm="saft_pipeline"',
    )  # fmt: skip


def test_with_a_wrong_password_the_page_is_not_shown(site: Site) -> None:
    assert site.get("/runs", auth=(LOGIN[0], "another")).status_code == 401


def test_with_the_password_the_page_is_dagsters(site: Site) -> None:
    answer = site.get("/assets/invoices")
    assert (answer.status_code, answer.json()["server"], answer.json()["path"]) == (
        200, "dagster", "/assets/invoices",
    )  # fmt: skip


def test_plain_http_is_sent_to_https(site: Site) -> None:
    answer = httpx.get(f"http://localhost:{site.http}/runs?page=2")
    assert (answer.status_code, answer.headers["location"]) == (
        308,
        "https://localhost/runs?page=2",
    )


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_old_tls_is_refused(site: Site) -> None:
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", site.https)) as plain,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(plain)


def test_a_browser_is_told_to_stay_with_tls_and_out_of_frames(site: Site) -> None:
    headers = site.get("/").headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/api/health", "/docs", "/openapi.json", "/metrics"])
def test_the_api_is_asked_with_its_token_alone(site: Site, path: str) -> None:
    bearer = {"Authorization": "Bearer t0ken"}
    asked = site.get(path, auth=None, headers=bearer).json()
    assert (asked["server"], asked["path"]) == ("api", path)
    assert asked["headers"]["authorization"] == "Bearer t0ken"


def test_pages_of_dagster_with_like_names_are_not_the_apis(site: Site) -> None:
    assert site.get("/apitest").json()["server"] == "dagster"


def test_the_servers_know_who_asks_and_by_which_name(site: Site) -> None:
    headers = site.get("/runs", headers={"X-Forwarded-For": "1.2.3.4"}).json()["headers"]
    assert {name: headers[name] for name in ("host", "x-forwarded-for", "x-forwarded-proto")} == {
        "host": f"localhost:{site.https}",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "https",
    }


def websocket(site: Site, **headers: str) -> str:
    """What a websocket says to `hello`."""
    login = base64.b64encode(":".join(LOGIN).encode()).decode()
    return asyncio.run(_said(site, {"Authorization": f"Basic {login}", **headers}))


async def _said(site: Site, headers: dict[str, str]) -> str:
    # Not the client with threads: two of them on one TLS connection now and then lose an answer.
    address = f"wss://localhost:{site.https}/graphql"
    async with connect(
        address, ssl=site.trust, additional_headers=headers, proxy=None, open_timeout=30
    ) as open_socket:
        await open_socket.send("hello")
        return str(await open_socket.recv())


def test_websockets_pass(site: Site) -> None:
    assert websocket(site, Origin=site.origin) == "dagster heard hello"


def test_websockets_need_the_password(site: Site) -> None:
    with pytest.raises(InvalidStatus) as caught:
        websocket(site, Authorization="Basic bm9ib2R5Og==")
    assert caught.value.response.status_code == 401


def test_websockets_of_another_sites_page_are_refused(site: Site) -> None:
    with pytest.raises(InvalidStatus) as caught:
        websocket(site, Origin="https://evil.example")
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/graphql?query=mutation", "/report_asset_materialization/x"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda headers: " ".join(next(iter(headers.items()))),
)
def test_a_page_of_another_site_can_change_nothing(
    site: Site, path: str, headers: dict[str, str]
) -> None:
    for method in ("GET", "POST"):
        assert site.ask(method, path, auth=LOGIN, headers=headers).status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_executes_nothing(site: Site, method: str) -> None:
    assert site.ask(method, "/graphql?query=mutation", auth=LOGIN).status_code == 403


@pytest.mark.parametrize("path", ["/", "/files", "/reports/vat.csv", "/status.js", "/login"])
def test_the_status_page_is_ours_and_behind_the_password(site: Site, path: str) -> None:
    answer = site.get(path).json()
    assert (answer["server"], answer["path"]) == ("api", path)
    assert site.get(path, auth=None).status_code == 401


def test_the_page_itself_may_ask(site: Site) -> None:
    headers = {"Origin": site.origin, "Sec-Fetch-Site": "same-origin"}
    answer = site.ask("POST", "/graphql", auth=LOGIN, headers=headers)
    assert answer.json()["server"] == "dagster"


def test_a_program_without_a_browser_may_ask(site: Site) -> None:
    assert site.ask("POST", "/graphql", auth=LOGIN).json()["server"] == "dagster"


def test_large_bodies_are_refused(site: Site) -> None:
    answer = site.ask("POST", "/graphql", auth=LOGIN, content=b"x" * (2 << 20))
    assert answer.status_code == 413
