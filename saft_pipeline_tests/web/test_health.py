"""What health says of each service, and how seldom a server is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from saft_pipeline.dagster_runtime import sensor_ticks
from saft_pipeline.dagster_runtime.sensor_ticks import Tick
from saft_pipeline.settings import load
from saft_pipeline.sftp.errors import PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.model import SftpConfig
from saft_pipeline.web import health
from saft_pipeline.web.health import Probe
from saft_pipeline_tests.fixtures.project import Project
from saft_pipeline_tests.web.serving import Api, serving


def asked_twice(ask: Callable[[], str], fresh: float = 60) -> tuple[str, str]:
    async def ask_twice() -> tuple[str, str]:
        probe = Probe(ask, fresh=fresh, refused=300)
        return await probe.answer(), await probe.answer()

    return asyncio.run(ask_twice())


def test_all_well_is_healthy(api: Api) -> None:
    api.daemon.show_life()
    answer = api.get("/api/health")
    assert answer.keys() == {"status", "timestamp", "services"}
    assert answer["status"] == "healthy"
    assert answer["services"] == dict.fromkeys(("sftp", "supabase", "dagster"), "connected")


def test_a_database_that_is_down_is_named(project: Project) -> None:
    settings = load({**project.env, "SUPABASE_DB_URL": "postgresql://u:hunter2@127.0.0.1:9/x"})
    with serving(settings) as api:
        api.daemon.show_life()
        answer = api.get("/api/health", 503)
    assert answer["status"] == "unhealthy"
    assert answer["services"]["sftp"] == answer["services"]["dagster"] == "connected"
    assert "the database says" in answer["services"]["supabase"]
    assert "hunter2" not in str(answer)


def test_a_server_that_is_down_is_named(project: Project) -> None:
    with serving(load({**project.env, "SFTP_PORT": "9"})) as api:
        answer = api.get("/api/health", 503)
    assert "can't be reached" in answer["services"]["sftp"]


def test_settings_that_are_missing_are_named(project: Project) -> None:
    with serving(load({**project.env, "SFTP_USERNAME": ""})) as api:
        answer = api.get("/api/health", 503)
    assert "SFTP_USERNAME: missing" in answer["services"]["sftp"]


def test_a_daemon_that_shows_no_life_is_named(api: Api) -> None:
    api.daemon.instance.wipe_daemon_heartbeats()
    answer = api.get("/api/health", 503)
    assert "saft up" in answer["services"]["dagster"]


def test_a_refused_login_is_not_tried_again() -> None:
    tries = []

    def refuse() -> str:
        tries.append(1)
        raise PermanentSftpError("refused the password")

    assert asked_twice(refuse, fresh=0) == ("refused the password",) * 2
    assert len(tries) == 1


def test_a_login_that_one_of_several_servers_refused_is_not_tried_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text("[porto]\n[braga]\nport = 9\n")
    asked = []

    def connect(server: SftpConfig) -> SimpleNamespace:
        asked.append(server.port)
        if server.port == 9:
            raise PermanentSftpError("refused the password")
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(health, "connect", connect)
    services: Any = SimpleNamespace(settings=load({**project.env, "SOURCES_FILE": str(sources)}))
    probes, now = health.Probes(services), time.monotonic
    first = asyncio.run(probes.health()).services.sftp
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now() + 100))
    second = asyncio.run(probes.health()).services.sftp
    probes.close()
    assert first == second == "braga: refused the password"
    assert (asked.count(9), len(asked)) == (1, 3)


def test_a_fault_that_passes_is_looked_at_again() -> None:
    answers = iter([TransientSftpError("busy"), None])

    def ask() -> str:
        if error := next(answers):
            raise error
        return "connected"

    assert asked_twice(ask, fresh=0) == ("busy", "connected")


def test_an_answer_stands_for_a_while() -> None:
    answers = iter(["connected", "never asked"])
    assert asked_twice(lambda: next(answers)) == ("connected", "connected")


def test_many_who_ask_at_once_are_one_question() -> None:
    tries = []

    async def ask_together() -> list[str]:
        def ask() -> str:
            tries.append(1)
            return "connected"

        probe = Probe(ask, fresh=60, refused=300)
        return list(await asyncio.gather(*(probe.answer() for _ in range(20))))

    assert asyncio.run(ask_together()) == ["connected"] * 20
    assert len(tries) == 1


def test_a_silent_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saft_pipeline.web.health._PATIENCE", 0.01)

    async def ask() -> str:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def wait() -> str:
            asyncio.run_coroutine_threadsafe(asked.wait(), loop).result(20)
            return "connected"

        probe = Probe(wait, fresh=60, refused=300)
        answer = await probe.answer()
        asked.set()
        return answer

    assert asyncio.run(ask()).startswith("no answer within")


@pytest.mark.parametrize(("ended_well", "stalled"), [(60, False), (7200, True), (None, True)])
def test_looks_that_no_longer_end_well_are_told_with_the_last_error(
    ended_well: int | None, stalled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    failed = Tick(2, "failure", [], None, None, "it hangs", now)
    well = Tick(1, "success", [], None, None, None, now - (ended_well or 0))
    monkeypatch.setattr(sensor_ticks, "last_well", lambda *_: well if ended_well else None)
    monkeypatch.setattr(sensor_ticks, "newest_ended", lambda *_: failed)
    services: Any = SimpleNamespace(instance=None, location=None, settings=load({}))
    said = health._stalled(services, since=now - 10_000)
    assert bool(said) is stalled
    assert not said or said.endswith("it hangs")


def test_looks_that_no_source_wants_soon_are_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources.toml").write_text("[monthly]\npoll_interval_seconds = 86400\n")
    server = {"SFTP_HOST": "h", "SFTP_USERNAME": "u", "SFTP_PASSWORD": "p"}
    settings = load({**server, "SOURCES_FILE": str(tmp_path / "sources.toml")})
    monkeypatch.setattr(sensor_ticks, "last_well", lambda *_: None)
    services: Any = SimpleNamespace(instance=None, location=None, settings=settings)
    assert health._stalled(services, since=time.time() - 80_000) is None


def test_looks_that_have_only_begun_are_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensor_ticks, "last_well", lambda *_: None)
    services: Any = SimpleNamespace(instance=None, location=None, settings=load({}))
    assert health._stalled(services, since=time.time()) is None


def test_a_sensor_that_lacks_settings_is_named(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A skipped tick is no failure to Dagster, though nothing is polled any more."""
    monkeypatch.setenv("SFTP_USERNAME", "")
    api.post("/api/download-sftp-queue")
    api.daemon.beat()
    api.daemon.show_life()
    answer = api.get("/api/health", 503)
    assert "nothing to poll" in answer["services"]["dagster"]
    assert "SFTP_USERNAME: missing" in answer["services"]["dagster"]
