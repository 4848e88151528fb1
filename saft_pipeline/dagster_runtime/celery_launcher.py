"""Runs on several machines: Dagster's own Celery launcher, over Redis, for how runs are found here.

Imported only where `REDIS_URL` is set: it needs the extra `scale`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._serdes import ConfigurableClassData
from dagster_celery.defaults import task_default_queue
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task

from saft_pipeline import settings
from saft_pipeline.dagster_runtime.redis_queue import (
    TASK_TAG,
    BrokerError,
    UsesBroker,
    require_answer,
)

VISIBLE_AGAIN_SECONDS = 300
"""After how long Redis gives a message away again whose worker has not ended it. A run that still
goes on then is not begun twice: Dagster ignores the second beginning."""

_CELERY = {
    # A worker reserves no run while it executes another, so that idle ones get it.
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    "broker_transport_options": {"visibility_timeout": VISIBLE_AGAIN_SECONDS},
    "broker_connection_retry_on_startup": True,
    # A process that has executed so many runs gives way to a new one, and its memory with it.
    "worker_max_tasks_per_child": 100,
}


class CeleryRuns(CeleryRunLauncher, UsesBroker):
    """`run_launcher:` of dagster.yaml; the queue is in the Redis of `REDIS_URL`."""

    def __init__(self, redis_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._redis_url = redis_url
        # Dagster registers it anew for each run.
        warnings.filterwarnings("ignore", message=r"Task name 'execute_job'")
        super().__init__(
            default_queue=task_default_queue,
            broker=redis_url,
            config_source=_CELERY,
            inst_data=inst_data,
        )

    @classmethod
    def config_type(cls) -> Any:
        """No configuration, so that no password stands in a file: the settings have it."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> CeleryRuns:
        """Called by Dagster when it loads dagster.yaml."""
        url = settings.load().redis_url
        if url is None:
            raise settings.SettingsError("REDIS_URL: missing; dagster.yaml was written with it")
        return cls(url.get_secret_value(), inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Put the run into the queue.

        Raises DagsterUserCodeUnreachableError if Redis does not answer: of all errors, only then
        does Dagster try again later.
        """
        try:
            require_answer(self._redis_url)
        except BrokerError as error:
            raise DagsterUserCodeUnreachableError(str(error)) from None
        super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Have the worker interrupt the run, as Dagster's own launcher does."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or TASK_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        self.celery.control.revoke(run.tags[TASK_TAG], terminate=True, signal="SIGINT")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """A run's lease and events show whether it lives, as for runs of one machine."""
        return False

    def get_run_worker_debug_info(self, run: dg.DagsterRun, *_: object, **__: object) -> None:
        """Nothing: no results are kept in Redis, which would have to answer for each."""


def worker_app(instance: dg.DagsterInstance) -> Any:
    """The Celery app of the instance's launcher, with the task that a worker executes."""
    launcher = instance.run_launcher
    assert isinstance(launcher, CeleryRuns)
    create_execute_job_task(launcher.celery)
    return launcher.celery
