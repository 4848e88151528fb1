"""The outputs of the step that loads files: what its IO manager is given, and checks left optional.

The step reports each file itself, in batches, so that Dagster is to expect nothing of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import dagster as dg
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus


def output_context(context: dg.AssetExecutionContext, output: str) -> dg.OutputContext:
    """What an IO manager is given for an output of the step that runs."""
    step = context.op_execution_context.get_step_execution_context()
    return step.get_output_context(StepOutputHandle(step.step.key, output))


def evaluated_by_the_step(assets: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """Have no check demanded of the step as an output, which costs three events a check.

    Dagster has no skippable checks (its issue 28461), so their outputs are made optional here.
    """
    for output in assets.op.output_defs:
        if output.name in assets.check_specs_by_output_name:
            output._is_required = False
    return assets


def silence(log: logging.Logger) -> None:
    """Keep Dagster from saying in every run that the step gave no outputs for its checks."""
    log.addFilter(lambda record: "did not yield or return expected" not in record.getMessage())


def failed_checks(
    instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey], partitions: Sequence[str]
) -> set[tuple[str, str]]:
    """Names of checks and partitions of these that failed when they were evaluated last."""
    infos = instance.event_log_storage.get_asset_check_partition_info(
        checks, partition_keys=partitions
    )
    return {
        (info.check_key.name, info.partition_key)
        for info in infos
        if info.partition_key
        and info.latest_execution_status is AssetCheckExecutionRecordStatus.FAILED
    }
