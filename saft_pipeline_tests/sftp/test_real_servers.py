"""A short cycle against every server that is installed: list, read, archive, delete."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.sftp.client import Fetched, Loaded, connect
from saft_pipeline_tests.fixtures.sftp_servers import INSTALLED, SERVERS, SftpServer

TIME = 1_600_000_000


@pytest.fixture(params=INSTALLED)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SftpServer]:
    """The server with 71 files in four folders, one of them large."""
    with SERVERS[request.param](tmp_path / "s") as server:
        for number in range(70):
            sub = ("", "a", "b", "a/deep")[number % 4]
            _write(server.root / sub / f"{number}.xml", f"<{number}>".encode() * number)
        _write(server.root / "large.xml", os.urandom(2_500_000))
        yield server


def test_every_file_is_listed_read_archived_and_deleted(server: SftpServer, spill: Path) -> None:
    expected = {
        str(path.relative_to(server.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in server.root.rglob("*.xml")
    }
    where = server.remote_dir
    with connect(server.config) as sftp:
        found = sftp.list(where, exclude="archive")
        assert found.whole, found.problems
        came = list(sftp.fetch(where, found.files, spill))
        assert {one.file.text: getattr(one, "sha256", one) for one in came} == expected
        loaded = [Loaded(one.file, one.sha256) for one in came if isinstance(one, Fetched)]
        archived = list(sftp.archive_all(where, loaded[:35], "archive"))
        assert [str(error) for _, error in archived if error] == []
        removed = list(sftp.remove_all(where, loaded[35:]))
        assert [str(error) for _, error in removed if error] == []
        assert not sftp.list(where, exclude="archive").files
        sftp.try_out(where, "archive")
    assert len([path for path in server.root.rglob("*") if path.is_file()]) == 35


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (TIME, TIME))
