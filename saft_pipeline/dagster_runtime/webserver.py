"""Dagster's page as an application, for a process of ours that guards it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.applications import Starlette

from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.names import LOCATION
from saft_pipeline.settings import Settings

_LOOK_EVERY = 2000  # milliseconds, as Dagster's own command has it


@contextmanager
def dagster_page(settings: Settings, code_server: Path) -> Iterator[Starlette]:
    """The page over the instance and the code server that listens on this socket."""
    target = GrpcServerTarget(
        host="localhost", port=None, socket=str(code_server), location_name=LOCATION
    )
    with (
        open_instance(settings) as instance,
        WorkspaceProcessContext(instance, target, version=__version__) as workspace,
    ):
        yield DagsterWebserver(workspace, live_data_poll_rate=_LOOK_EVERY).create_asgi_app()
