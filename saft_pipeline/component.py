"""An SFTP folder as a Dagster component: what a table of SOURCES_FILE says, in a `defs.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster.components import Component, ComponentLoadContext, Model, Resolvable

from saft_pipeline import settings
from saft_pipeline.definitions import build_defs


class _Scaffolder(dg.Scaffolder):
    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write a `defs.yaml` that works once the environment has the login."""
        path = request.target_path  # of the folder, or of a file that has others already
        attributes = {
            "name": (path.parent if request.append else path).name,
            "host": "{{ env.SFTP_HOST }}",
            "username": "{{ env.SFTP_USERNAME }}",
            "password": "{{ env.SFTP_PASSWORD }}",
            "remote_dir": ".",
        }
        dg.scaffold_component(request, attributes)


@dg.scaffold_with(_Scaffolder)
class SaftFolder(Component, Model, Resolvable):
    """SAF-T (PT) invoices from an SFTP folder: assets, checks, jobs, sensors and schedules.

    Attributes are the keys of a table of SOURCES_FILE; all else is said by the environment. Give a
    secret as `{{ env.NAME }}` or by the file that holds it. A project has one of these: for several
    folders merge `saft_pipeline.definitions.build_defs()`, which knows SOURCES_FILE.
    """

    name: str
    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = None
    password_file: str | None = None
    private_key_path: str | None = None
    private_key_passphrase: str | None = None
    private_key_passphrase_file: str | None = None
    known_hosts_path: str | None = None
    host_key_fingerprints: Sequence[str] | None = None
    remote_dir: str | None = None
    pattern: str | None = None
    recursive: bool | None = None
    timeout_seconds: float | None = None
    connections: int | None = None
    requests: int | None = None
    archive_dir: str | None = None
    after_load: str | None = None
    max_files_per_batch: int | None = None
    poll_interval_seconds: int | None = None
    companies: Sequence[str | int] | None = None
    key_prefix: Sequence[str] = ()
    group: str | None = None

    def build_defs(self, context: ComponentLoadContext) -> dg.Definitions:
        """The definitions of `saft_pipeline`, for this folder.

        Raises:
            SettingsError: naming every attribute and setting that is wrong.
        """
        ours = {"name", "key_prefix", "group"}
        given: dict[str, Any] = self.model_dump(exclude=ours, exclude_none=True)
        known = settings.load().with_source(self.name, given)
        return build_defs(known, key_prefix=list(self.key_prefix), group=self.group)
