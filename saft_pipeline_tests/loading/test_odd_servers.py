"""Files on servers that tell odd times, or do not do what they say: loaded once, for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from saft_pipeline.settings import load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.loading.test_servers import EARLY, server_with
from saft_pipeline_tests.loading.without_dagster import go_round

PATIENT = {"SFTP_TIMEOUT_SECONDS": "30"}


@pytest.mark.parametrize(
    ("quirk", "after_load"),
    [
        ("listing and stat disagree", "keep"),
        ("times an hour later", "keep"),
        ("times are now", "keep"),
        ("removes only in words", "delete"),
        ("renames only in words", "archive"),
        ("renames unsupported", "archive"),
    ],
)
def test_a_file_is_loaded_once_however_often_a_server_is_looked_at_with(
    project: Project,
    store: Store,
    quirky_sshd: tuple[Sshd, Path],
    quirk: str,
    after_load: str,
) -> None:
    names = ("a.xml", "b.xml", "c.xml")
    for name in names:
        project.put(name, one_invoice(f"FT O/{ord(name[0])}"), modified_at=EARLY)
    with server_with(project, quirky_sshd, quirk) as odd:
        settings = load({**odd.env, "AFTER_LOAD": after_load, **PATIENT})
        rounds = [go_round(settings, store) for _ in range(3)]
    loaded = [sum(each.loaded for each in loads) for _, loads in rounds]
    assert loaded in ([3, 0, 0], [3, 3, 0])  # that times move is known after a run at the latest
    versions = [file for name in names for file in store.files(path=name)]
    assert [(file.version, file.status) for file in versions] == [(1, "loaded")] * 3
    assert (project.folder / "a.xml").exists()
