"""An instance of any kind, with our definitions in a location of any name, alone or beside others.

What the daemon does is done by its own functions, a beat at a time; runs are executed here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.sensor import execute_sensor_iteration

from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.sensor_ticks import make_due, newest_ended
from saft_pipeline.dagster_runtime.waiting_runs import WaitingRuns
from saft_pipeline.settings import Settings

OURS = "saft_pipeline.definitions"
THEIRS = "saft_pipeline_tests.dagster_runtime.their_location"
ANOTHER = "saft_pipeline_tests.dagster_runtime.another_team"
ANOTHER_TEAM = "another_team"
_LAUNCHER = {"module": WaitingRuns.__module__, "class": WaitingRuns.__name__}


@dataclass
class Neighbourhood:
    """The instance, and the workspace that its daemon and page see."""

    settings: Settings
    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext
    location: Location
    graphql_schema: Any = field(default=None)

    def beat(self) -> None:
        """Tick the sensors that are due."""
        make_due(self.instance, self.location)
        logger = logging.getLogger("test")
        errors = [e for e in execute_sensor_iteration(self.workspace, logger, None, None) if e]
        assert not errors
        tick = newest_ended(self.instance, self.location)
        assert tick
        assert tick.status != "failure", tick.error

    def backfill(self) -> None:
        """Have the backfills that were asked for launch their runs."""
        logger = logging.getLogger("test")
        errors = [e for e in execute_backfill_iteration(self.workspace, logger) if e]
        assert not errors

    def work(self) -> list[dg.DagsterRun]:
        """Take what waits out of the queue and execute it; the runs as they ended."""
        launcher = self.instance.run_launcher
        assert isinstance(launcher, WaitingRuns)
        context = self.workspace.create_request_context()
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        for run in self.instance.get_runs(queued):
            self.instance.launch_run(run.run_id, context)
        done = [self._executed(run) for run in launcher.waiting]
        launcher.waiting.clear()
        return done

    def _executed(self, run: dg.DagsterRun) -> dg.DagsterRun:
        assert run.remote_job_origin
        origin = run.remote_job_origin.repository_origin
        context = self.workspace.create_request_context()
        location: Any = context.get_code_location(origin.code_location_origin.location_name)
        job = location.get_reconstructable_job(origin.repository_name, run.job_name)
        chosen = run.asset_selection if run.job_name.startswith("__ASSET_JOB") else None
        execute_run(job.get_subset(asset_selection=chosen) if chosen else job, run, self.instance)
        ended = self.instance.get_run_by_id(run.run_id)
        assert ended
        return ended

    def page(self, query: str, **variables: object) -> Any:
        """What Dagster's page gets for a query."""
        from dagster_graphql.schema import create_schema

        self.graphql_schema = self.graphql_schema or create_schema()
        context = self.workspace.create_request_context()
        executing = self.graphql_schema.execute_async(
            query, context_value=context, variable_values=variables
        )
        answer = asyncio.run(executing)
        assert not answer.errors, answer.errors
        return answer.data


@contextlib.contextmanager
def neighbourhood(settings: Settings, name: str, *, beside: bool) -> Iterator[Neighbourhood]:
    """Open the instance that the settings name, with our definitions in a location of that name."""
    with contextlib.ExitStack() as stack:
        instance = stack.enter_context(open_instance(settings, {"run_launcher": _LAUNCHER}))
        others = [_origin(THEIRS, "their_location"), _origin(ANOTHER, ANOTHER_TEAM)]
        origins = [_origin(OURS, name), *(others if beside else [])]
        target = InProcessWorkspaceLoadTarget(origins)
        workspace = stack.enter_context(WorkspaceProcessContext(instance, target))
        yield Neighbourhood(settings, instance, workspace, Location(name))


def _origin(module: str, name: str) -> InProcessCodeLocationOrigin:
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=module)
    return InProcessCodeLocationOrigin(loadable_target_origin=target, location_name=name)
