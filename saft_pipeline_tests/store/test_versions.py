"""The tables on the Postgres versions that Debian installs, beside the embedded one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import File, at, customer, invoice, load
from saft_pipeline_tests.store.looking import halves, value

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@pytest.fixture(params=FOUND, ids=lambda path: f"Postgres {path.parts[-3]}")
def debian_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A new cluster of that version, over a Unix socket."""
    programs: Path = request.param.parent
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="saft-"))
    if user:
        shutil.chown(folder, user)
    data = str(folder / "data")

    def run(program: str, *arguments: str) -> None:
        command = [programs / program, "-D", data, *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, user=user, cwd=folder, check=True, **quiet)  # type: ignore[call-overload]

    run("initdb", "-U", "saft", "-A", "trust", "-E", "UTF8", "--no-sync")
    run("pg_ctl", "-w", "start", "-o", f"-k {folder} -c listen_addresses= -c fsync=off")
    yield f"postgresql://saft@/postgres?host={folder}"
    run("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.mark.skipif(not FOUND, reason="no Postgres of Debian's is installed (Debian: postgresql)")
@pytest.mark.parametrize("way", ["one call", "copied"], indirect=True)
def test_files_are_loaded_corrected_and_read_back(debian_url: str, way: str) -> None:
    migrate(debian_url)
    store = Store(PostgresTransport(debian_url), lambda _table: 2)
    file = File("a.xml", (invoice("FT 1/1", 3), invoice("FT 1/2")), (customer(),), at(1))
    corrected = replace(file, invoices=(invoice("FT 1/1", 2, "7.00"),), modified_at=at(2))
    written = [load(store, f)[0].written for f in (file, corrected, replace(file, path="old.xml"))]
    assert written == [
        {"invoices": 2, "invoice_lines": 4},
        {"invoices": 1, "invoice_lines": 2},
        {"invoices": 0, "invoice_lines": 0},
    ]
    assert halves(debian_url) == []
    assert value(debian_url, "select count(*) from invoice_overview") == 2
    key = store.files(path="a.xml")[0].key
    assert len(store.rows("invoice_lines", [key])[1]) == 2
    store.close()
