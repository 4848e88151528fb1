"""The run launcher of a process that executes its runs itself, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._serdes import ConfigurableClass, ConfigurableClassData


class WaitingRuns(RunLauncher, ConfigurableClass):
    """A launcher that only keeps what it is to launch, for `LocalRuns` to execute."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self.waiting: list[dg.DagsterRun] = []
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """As Dagster asks of every configurable part."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        """No configuration."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> WaitingRuns:
        """Called by Dagster when the instance is opened."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Keep the run for later."""
        self.waiting.append(context.dagster_run)

    def terminate(self, run_id: str) -> bool:
        """A run of this process ends with it: Ctrl-C."""
        return False


def executes_here(instance: dg.DagsterInstance) -> bool:
    """Whether this process executes itself what it launches."""
    return isinstance(instance.run_launcher, WaitingRuns)


def next_run(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """The run that this process executes after the one under way, if it knows of one."""
    launcher = instance.run_launcher
    return next(iter(launcher.waiting), None) if isinstance(launcher, WaitingRuns) else None
