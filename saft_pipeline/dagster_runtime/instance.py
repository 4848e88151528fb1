"""Dagster's instance in `$SAFT_HOME/dagster`: made on first use, the same for all who use it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator

from saft_pipeline.dagster_runtime.home import make_private
from saft_pipeline.dagster_runtime.names import POOL, SOURCE_TAG
from saft_pipeline.settings import Settings, SettingsError, in_use

# How many events Dagster stores in one go, of those that it makes itself: a backfill has thousands.
_EVENTS_AT_ONCE = "1000"
# What can't be handed to the workers stays in Dagster's queue: for two weeks, tried so often.
_WHILE_REDIS_IS_DOWN = {
    "max_user_code_failure_retries": 80_000,
    "user_code_failure_retry_delay": 15,
}


def config(settings: Settings) -> dict[str, Any]:
    """The content of dagster.yaml; the file in the repository is this with the defaults."""
    return {
        "storage": {
            "custom": {
                "module": "saft_pipeline.dagster_runtime.storage",
                "class": "PooledPostgresStorage",
                "config": {},
            }
        },
        # Dagster's own keeper of stdout starts four processes a run; logs are events here.
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {
                "max_concurrent_runs": settings.max_concurrent_runs,
                "tag_concurrency_limits": list(_limits(settings)),
                # A new file would wait five seconds otherwise.
                "dequeue_interval_seconds": 1,
                **(_WHILE_REDIS_IS_DOWN if settings.redis_url else {}),
            },
        },
        **_launching(settings),
        "telemetry": {"enabled": False},
        # The page asks newcomers for their e-mail address otherwise.
        "nux": {"enabled": False},
    }


def _limits(settings: Settings) -> Iterator[dict[str, Any]]:
    """Runs at once from one source: each takes a connection of its server."""
    most = max(each.sftp_connections for each in settings.sources)
    for each in settings.sources:
        if each.sftp_connections < most:
            yield {"key": SOURCE_TAG, "value": each.source, "limit": each.sftp_connections}
    yield {"key": SOURCE_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": most}


def _launching(settings: Settings) -> dict[str, Any]:
    """Where runs are executed: on this machine, or by the workers that Redis hands them to."""
    if settings.redis_url is None:
        return {"run_monitoring": {"enabled": True, "start_timeout_seconds": 180}}
    launcher = {
        "module": "saft_pipeline.dagster_runtime.celery_launcher",
        "class": "CeleryRuns",
        "config": {},
    }
    # A run may wait for a worker, and what a worker that was killed had reserved for itself comes
    # back to the queue after VISIBLE_AGAIN_SECONDS.
    monitoring = {"enabled": True, "start_timeout_seconds": 600}
    return {"run_launcher": launcher, "run_monitoring": monitoring}


def environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that every process started by `saft` shares, by default with all of ours."""
    return {
        "DAGSTER_EVENT_BATCH_SIZE": _EVENTS_AT_ONCE,
        **(os.environ if environ is None else environ),
        "SAFT_HOME": str(settings.home),
        "DAGSTER_HOME": str(prepare(settings)),
    }


def daemons(instance: dg.DagsterInstance) -> list[str]:
    """The parts of the daemon that loading needs, as Dagster names them."""
    queued = isinstance(instance.run_coordinator, QueuedRunCoordinator)
    return ["SENSOR", *(["QUEUED_RUN_COORDINATOR"] if queued else [])]


def unlimited(instance: dg.DagsterInstance) -> str | None:
    """That the instance launches every run at once, and what still bounds them there."""
    if isinstance(instance.run_coordinator, QueuedRunCoordinator):
        return None
    return (
        "it has no queue and launches every run at once: neither MAX_CONCURRENT_RUNS nor a limit "
        f"by {SOURCE_TAG} holds. Give dagster.yaml the "
        f"QueuedRunCoordinator, or bound the pool: dagster instance concurrency set {POOL} 2"
    )


def prepare(settings: Settings) -> str:
    """Write `$SAFT_HOME/dagster/dagster.yaml`, if it says something else; the folder's path.

    The instance that `DAGSTER_INSTANCE` names is another's: nothing is written to it.
    """
    make_private(settings.home)
    home = settings.dagster_home
    if settings.dagster_instance is not None:
        if not home.is_dir():
            raise SettingsError(f"DAGSTER_INSTANCE: there is no folder {home}")
        return str(home)
    home.mkdir(parents=True, exist_ok=True)
    path, text = home / "dagster.yaml", yaml.safe_dump(config(settings), sort_keys=False)
    if not path.exists() or path.read_text() != text:
        aside = path.with_suffix(f".{os.getpid()}.part")
        aside.write_text(text)
        aside.replace(path)
    return str(home)


def open_instance(
    settings: Settings, overrides: Mapping[str, Any] | None = None
) -> dg.DagsterInstance:
    """The instance, with parts of its configuration replaced for this process only."""
    with in_use(settings):
        return dg.DagsterInstance.from_ref(_ref(settings, overrides or {}))


def reference(settings: Settings) -> str:
    """The instance as `--instance-ref` of Dagster's commands has it: no DAGSTER_HOME, which `.env`
    could name, says otherwise then. It holds no secret.
    """  # fmt: skip
    return dg.serialize_value(_ref(settings, {}))


def _ref(settings: Settings, overrides: Mapping[str, Any]) -> InstanceRef:
    return InstanceRef.from_dir(prepare(settings), overrides=dict(overrides))
