"""An SFTP folder as a Dagster component: what a table of SOURCES_FILE says, in a `defs.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster.components import Component, ComponentLoadContext, Model, Resolvable

from saft_pipeline import settings
from saft_pipeline.definitions import build_defs
from saft_pipeline.settings import SettingsError


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
    secret as `{{ env.NAME }}` or by the file that holds it. Several of these in a project are
    several sources: they fill the same tables, so that there is one set of assets for them, with
    the `key_prefix` and `group` of all, and one sensor that is fair to each.
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
        """The definitions of `saft_pipeline`, for the folders of all these: the first makes them.

        Raises:
            SettingsError: naming every attribute and setting that is wrong.
        """
        folders = context.component_tree.get_all_components(SaftFolder)
        if folders[0] is not self:
            return dg.Definitions()
        tables: dict[str, Mapping[str, object]] = {}
        for each in folders:
            if each.name in tables:
                raise SettingsError(f"two SaftFolders are called {each.name}: name one otherwise")
            if (each._prefix, each.group) != (self._prefix, self.group):
                raise SettingsError(
                    f"the SaftFolders {self.name} and {each.name} differ in key_prefix or group: "
                    "they fill the same tables, whose assets are there once; give both the same"
                )
            tables[each.name] = each.model_dump(exclude=_OURS, exclude_none=True)
        known = settings.load().with_sources(tables)
        return build_defs(known, key_prefix=self._prefix, group=self.group)

    @property
    def _prefix(self) -> list[str]:
        return list(self.key_prefix)


_OURS = {"name", "key_prefix", "group"}
