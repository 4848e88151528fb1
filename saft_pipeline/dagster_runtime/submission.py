"""The one way in which a claim becomes a run of the job that loads it, whoever made the claim.

The sensor hands the requests to Dagster; the API puts a run into the instance's queue, which the
daemon empties; `saft ingest` executes it in its own process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.location import REPOSITORY_TAG, find_location
from saft_pipeline.dagster_runtime.names import (
    CLAIM_TAG,
    FILES_TAG,
    JOB,
    LOCATION,
    PUBLISHING,
    RUN_CONFIG,
    SOURCE_TAG,
)
from saft_pipeline.settings import Settings
from saft_pipeline.store.model import LedgerFile


def run_requests(
    instance: dg.DagsterInstance,
    claims: Mapping[str, Sequence[LedgerFile]],
    prefix: tuple[str, ...] = (),
) -> list[dg.RunRequest]:
    """What launches a run for each claim (owner: files); registers the files' partitions.

    `prefix`: what the keys of the assets begin with.

    A run of one file has its partition, others have none: their files are in the ledger alone.
    """
    keys = {owner: [partitions.partition_key(f) for f in files] for owner, files in claims.items()}
    if every := [key for some in keys.values() for key in some]:
        instance.add_dynamic_partitions(str(partitions.file_partitions(prefix).name), every)
    return [
        dg.RunRequest(
            run_key=owner,
            run_config=RUN_CONFIG,
            tags={
                CLAIM_TAG: owner,
                FILES_TAG: str(len(some)),
                SOURCE_TAG: ", ".join(dict.fromkeys(f.source for f in claims[owner])),
            },
            partition_key=some[0] if len(some) == 1 else None,
        )
        for owner, some in keys.items()
    ]


def adopt_partitions(instance: dg.DagsterInstance, prefix: tuple[str, ...]) -> None:
    """Have the files that were loaded while all prefixes had one set of partitions, in the own."""
    own = str(partitions.file_partitions(prefix).name)
    if prefix and not instance.get_paginated_dynamic_partitions(own, 1, ascending=True).results:
        made = instance.get_materialized_partitions(dg.AssetKey([*prefix, PUBLISHING]))
        if made:
            instance.add_dynamic_partitions(own, sorted(made))


def create_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    request: dg.RunRequest,
    label: str,
    **origins: Any,
) -> dg.DagsterRun:
    """The run that a request asks for in the location of that label, not launched yet."""
    key = request.partition_key
    tags = {**request.tags, REPOSITORY_TAG: label, **({"dagster/partition": key} if key else {})}
    config = request.run_config
    run: dg.DagsterRun = instance.create_run_for_job(job, run_config=config, tags=tags, **origins)
    return run


class Launcher:
    """Knows the definitions, as the code server does, and submits runs of them."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        workspace: WorkspaceProcessContext,
        settings: Settings,
    ) -> None:
        self._instance = instance
        self._workspace = workspace
        self._settings = settings

    def submit(self, owner: str, files: Sequence[LedgerFile]) -> str:
        """Put a run for files claimed by `owner` into the queue; the run's id.

        Raises:
            NoLocationError: nobody would take it out of the queue.
        """
        where = find_location(self._instance, self._settings)
        (request,) = run_requests(self._instance, {owner: files}, where.prefix)
        context = self._workspace.create_request_context()
        (location,) = context.code_locations
        (repository,) = location.get_repositories().values()
        run = create_run(
            self._instance,
            _job(where.prefix),
            request,
            where.label,
            remote_job_origin=where.job_origin(),
            job_code_origin=repository.get_full_job(JOB).get_python_origin(),
        )
        return self._instance.submit_run(run.run_id, context).run_id


@cache
def _job(prefix: tuple[str, ...]) -> dg.JobDefinition:
    """Our job, with its assets below a prefix; definitions are reached by their name only."""
    definitions: dg.Definitions = import_module(LOCATION).build_defs(key_prefix=prefix)
    return definitions.resolve_job_def(JOB)


@contextmanager
def loaded(instance: dg.DagsterInstance, name: str = LOCATION) -> Iterator[WorkspaceProcessContext]:
    """The definitions, loaded in this process as the code location of that name."""
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=LOCATION)
    origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name=name)
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace:
        yield workspace
