"""Launching the job for files of the ledger, into the instance's own queue: the daemon runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.remote_representation.code_location import InProcessCodeLocation
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, FILES_TAG, JOB, LOCATION, RUN_CONFIG
from saft_pipeline.store.model import LedgerFile


class Launcher:
    """Knows the definitions, as the code server does, and submits runs of them."""

    def __init__(self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self._instance = instance
        self._workspace = workspace

    def submit(self, file: LedgerFile, owner: str) -> str:
        """Put a run for one file, claimed by `owner`, into the queue; the run's id."""
        key = partitions.partition_key(file.path, file.key)
        self._instance.add_dynamic_partitions(str(partitions.files.name), [key])
        context = self._workspace.create_request_context()
        location = context.get_code_location(LOCATION)
        assert isinstance(location, InProcessCodeLocation)
        (repository,) = location.get_repositories().values()
        job = repository.get_full_job(JOB)
        run = self._instance.create_run_for_job(
            location.get_reconstructable_job(repository.name, JOB).get_definition(),
            run_config=RUN_CONFIG,
            tags={CLAIM_TAG: owner, FILES_TAG: "1", "dagster/partition": key},
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
        )
        return self._instance.submit_run(run.run_id, context).run_id


@contextmanager
def loaded(instance: dg.DagsterInstance) -> Iterator[WorkspaceProcessContext]:
    """The definitions, loaded in this process."""
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=LOCATION)
    origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name=LOCATION)
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace:
        yield workspace
