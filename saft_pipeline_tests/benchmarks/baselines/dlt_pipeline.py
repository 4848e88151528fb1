"""SAF-T files from SFTP into Postgres with dlt, written to be fast, in two ways.

Both have dlt's filesystem source list the folder over sshfs and keep what it saw last as its state,
take pages of files in dlt's threads, read them with xmltodict, and merge by COPY of CSV.

- `records` goes as dlt's documentation does: each file is read through dlt's own file item, and
  lists of records are left to dlt, which normalizes them in two processes.
- `tables` takes out of dlt's way what can be: a page's files are all read at the same time, and
  Arrow tables with types spare dlt from looking at rows.

`python -m saft_pipeline_tests.benchmarks.baselines.dlt_pipeline records|tables STATE_FOLDER`
"""
# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from queue import Queue
from typing import Any

import dlt
import pyarrow as pa
import xmltodict
from dlt.sources.filesystem import FileItemDict, filesystem
from sshfs import SSHFileSystem

from saft_pipeline_tests.benchmarks.baselines.servers import Servers, given_servers
from saft_pipeline_tests.benchmarks.baselines.tables import REPEATED, TABLES, Row, Rows, Table

Page = list[FileItemDict]

_DATASET = "baseline_dlt"
_FILES_PER_PAGE = 100
_STREAMED_FROM = 1_000_000  # bytes: a tree of a larger file takes too much memory
_LINES_AT_ONCE = 20_000
_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__WORKERS": "2",
    "DATA_WRITER__FILE_MAX_ITEMS": str(_LINES_AT_ONCE),  # so that there is work for two
}
_PARSERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "amount": Decimal,
    "integer": int,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}
_TYPES = {
    "text": pa.string(),
    "amount": pa.decimal128(38, 9),
    "integer": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


def read_each(page: Page) -> dict[str, bytes]:
    """The content of each file, one after the other."""
    return {item["relative_path"]: item.read_bytes() for item in page}


def read_at_once(page: Page) -> dict[str, bytes]:
    """The content of each file, all of them on their way at the same time."""
    found: dict[str, bytes] = page[0].fsspec.cat([item["file_url"] for item in page])
    return found


def records(table: Table, rows: list[Row]) -> list[dict[str, Any]]:
    """Rows of text as records of Python's types."""
    columns = [(column.name, _PARSERS[column.kind]) for column in table.columns]
    return [
        {
            name: None if text is None else parse(text)
            for (name, parse), text in zip(columns, row, strict=True)
        }
        for row in rows
    ]


def arrow_table(table: Table, rows: list[Row]) -> Any:
    """Rows of text as typed columns; amounts stay exact."""
    return pa.table(
        {
            column.name: pa.array(texts, pa.string()).cast(_TYPES[column.kind])
            for column, texts in zip(table.columns, zip(*rows, strict=True), strict=True)
        }
    )


WAYS = {"records": (read_each, records), "tables": (read_at_once, arrow_table)}


def documents(contents: dict[str, bytes]) -> Iterator[Rows]:
    """The rows of files, of tiny ones together."""
    rows = Rows()
    for path, content in contents.items():
        if len(content) < _STREAMED_FROM:
            document = xmltodict.parse(content, force_list=REPEATED)
            rows.add_document(path, len(content), document["AuditFile"])
        else:
            yield from streamed(path, content)
    yield rows


def streamed(path: str, content: bytes) -> Iterator[Rows]:
    """The rows of a large file, of which one invoice at a time is a tree."""
    ahead: Queue[Rows | None] = Queue(1)
    with ThreadPoolExecutor(1) as pool:  # xmltodict calls back, where dlt wants a generator
        parsed = pool.submit(_parse, path, content, ahead.put)
        parsed.add_done_callback(lambda _: ahead.put(None))
        yield from iter(ahead.get, None)
        parsed.result()


def _parse(path: str, content: bytes, give: Callable[[Rows], object]) -> None:
    before = content[: content.index(b"<SourceDocuments")] + b"</AuditFile>"
    masters = xmltodict.parse(before, force_list=REPEATED)["AuditFile"]
    rows = Rows()
    company_id = rows.add_masters(path, len(content), masters)

    def take(parents: list[tuple[str, Any]], node: Any) -> bool:
        nonlocal rows
        if parents[-1][0] == "Invoice":
            rows.add_invoice(path, company_id, node)
            if len(rows) >= _LINES_AT_ONCE:
                give(rows)
                rows = Rows()
        return True

    xmltodict.parse(content, force_list=REPEATED, item_depth=4, item_callback=take)
    give(rows)


def load(way: str, servers: Servers, state: str) -> int:
    """Run the pipeline once; gives how many files it took."""
    read, shape = WAYS[way]
    taken: list[int] = []

    @dlt.transformer(parallelized=True)
    def saft(page: Page) -> Iterator[Any]:
        taken.append(len(page))
        for rows in documents(read(page)):
            for table in TABLES:
                if found := rows.of[table.name]:
                    yield _marked(table, shape(table, found))

    pipeline = dlt.pipeline(
        "saft",
        pipelines_dir=state,
        destination=dlt.destinations.postgres(servers.database_url),
        dataset_name=_DATASET,
    )
    pipeline.run(_files(servers) | saft, loader_file_format="csv")
    return sum(taken)


def _marked(table: Table, data: Any) -> Any:
    """Data with the table that it is for and how to be written there."""
    hints = dlt.mark.make_hints(
        table_name=table.name, primary_key=table.key, write_disposition="merge"
    )
    return dlt.mark.with_hints(data, hints, create_table_variant=True)


def _files(servers: Servers) -> Any:
    """The files that changed since the last run, page by page."""
    remote = SSHFileSystem(
        servers.sftp_host,
        port=servers.sftp_port,
        username=servers.sftp_username,
        client_keys=[servers.sftp_key_path],
    )
    files = filesystem(
        f"sftp://{servers.sftp_host}{servers.sftp_folder}",
        credentials=remote,
        file_glob="*.xml",
        files_per_page=_FILES_PER_PAGE,
    )
    files.apply_hints(incremental=dlt.sources.incremental("modification_date"))
    return files


def main() -> None:
    """Load what is new and print how many files that was."""
    way, state = sys.argv[1:]
    os.environ.update(_SETTINGS)
    print(json.dumps({"files": load(way, given_servers(), state)}))  # noqa: T201


if __name__ == "__main__":
    main()
