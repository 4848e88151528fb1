"""`saft up`: daemon, web server, code server and API, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saft_pipeline.cli.output import CannotRunError, say
from saft_pipeline.settings import Settings, SettingsError, load
from saft_pipeline.settings.addresses import origin


def up() -> None:
    """Run the daemon (which polls), the web server and the API."""
    settings = load()
    settings.require_sources()
    if settings.dagster_instance is not None:
        raise CannotRunError(
            f"{settings.dagster_instance} (DAGSTER_INSTANCE) has its own daemon and web server: "
            "`saft serve` adds the API to it; unset it for an instance of `saft up`'s own"
        )
    from saft_pipeline.processes.child_logs import LogLines
    from saft_pipeline.processes.supervisor import Stop, Supervisor
    from saft_pipeline.store.opening import open_store
    from saft_pipeline.web import server

    server.require_logins(settings)
    _require_ports(settings)
    logs = LogLines(settings.log_format)
    with alone(settings.home), Stop() as stop:
        open_store(settings).close()
        with Supervisor(settings, logs, api=True, stopping=lambda: stop.asked) as supervisor:
            say(
                f"status at {origin(settings, settings.api_host, settings.api_port)}, Dagster at "
                f"{supervisor.url}; polling every {settings.look_interval} s"
            )
            while not stop.asked:
                for line in supervisor.mend():
                    logs.say("saft", line)
                time.sleep(0.2)
            say("stopping")


def _require_ports(settings: Settings) -> None:
    from saft_pipeline.web.server import PortTakenError, listen

    problems = []
    for name, host, port in (
        ("DAGSTER", settings.dagster_host, settings.dagster_port),
        ("API", settings.api_host, settings.api_port),
    ):
        try:
            listen(host, port, name).close()
        except (SettingsError, PortTakenError) as error:
            problems.append(str(error))
    if problems:
        raise CannotRunError("\n".join(problems))


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home for this process: two daemons on one history would both launch every run."""
    from saft_pipeline.dagster_runtime.home import make_private

    make_private(home)
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotRunError(
                f"`saft up` runs already with this SAFT_HOME ({home}), as process {lock.read()}: "
                "stop it first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
