"""The nightly job, and when it is launched."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime import retention
from saft_pipeline.dagster_runtime.names import PRUNE_JOB
from saft_pipeline.dagster_runtime.retention import Pruned
from saft_pipeline.definitions import build_defs
from saft_pipeline_tests.fixtures.project import Project


def test_it_is_launched_every_night_unless_it_is_switched_off() -> None:
    schedule = build_defs().get_schedule_def("prune_nightly")
    assert (schedule.cron_schedule, schedule.default_status.value) == ("20 3 * * *", "RUNNING")


def test_the_job_prunes_what_is_older_than_the_settings_say(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def pruned(*arguments: object) -> Pruned:
        asked.append(arguments)
        return Pruned(runs=7)

    monkeypatch.setattr(retention, "prune", pruned)
    monkeypatch.setenv("PRUNE_AFTER", "7d")
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_defs().resolve_job_def(PRUNE_JOB)
        done = job.execute_in_process(instance=instance)
        said = [entry.user_message for entry in instance.all_logs(done.run_id)]
    ((_, _, settings, before),) = asked
    assert (settings.prune_after.days, before.utcoffset().total_seconds()) == (7, 0)
    assert any(message.startswith("deleted: 7 runs") for message in said)
