"""Parquet, with pyarrow (the extra `parquet`): amounts are decimals, text is as it came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from saft_pipeline.reports.columns import ColumnKind
from saft_pipeline.reports.sheets import Sheet, as_text

_ROWS = 50_000  # of a row group
_DIGITS, _LEAST_PLACES = 38, 2  # of a decimal
_TYPES = {
    ColumnKind.DATE: pa.date32(),
    ColumnKind.MONTH: pa.date32(),
    ColumnKind.TIME: pa.timestamp("us"),
    ColumnKind.INSTANT: pa.timestamp("us", "UTC"),
    ColumnKind.COUNT: pa.int64(),
    ColumnKind.ID: pa.int64(),
    ColumnKind.FLAG: pa.bool_(),
}
_DECIMALS = {ColumnKind.MONEY, ColumnKind.NUMBER, ColumnKind.PERCENT}


def write(sheet: Sheet, path: Path) -> None:
    """Write a sheet.

    A decimal has as many places as the values of its column need, which is known at the end: till
    then the rows are in a file without a name, decimals as text.
    """
    places = {c.name: _LEAST_PLACES for c in sheet.columns if c.kind in _DECIMALS}
    draft = pa.schema([(c.name, _TYPES.get(c.kind, pa.string())) for c in sheet.columns])
    with TemporaryFile() as aside:
        with pa.ipc.new_stream(aside, draft) as stream:
            for rows in _batches(sheet.rows):
                stream.write_batch(_batch(sheet, rows, draft, places))
        aside.seek(0)
        decimals = {name: pa.decimal128(_DIGITS, count) for name, count in places.items()}
        schema = pa.schema([(f.name, decimals.get(f.name, f.type)) for f in draft])
        with pq.ParquetWriter(path, schema) as out:
            for batch in pa.ipc.open_stream(aside):
                out.write_table(pa.Table.from_batches([batch]).cast(schema))


def _batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    rest = iter(rows)
    while batch := list(islice(rest, _ROWS)):
        yield batch


def _batch(
    sheet: Sheet, rows: list[tuple[Any, ...]], schema: pa.Schema, places: dict[str, int]
) -> pa.RecordBatch:
    columns = []
    for column, values in zip(sheet.columns, zip(*rows, strict=True), strict=True):
        written = [_value(column.kind, value) for value in values]
        if column.name in places:
            needed = (len(v.partition(".")[2]) for v in written if v is not None)
            places[column.name] = max(places[column.name], *needed, 0)
        columns.append(pa.array(written, schema.field(column.name).type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _value(kind: ColumnKind, value: Any) -> Any:
    if value is None:
        return None
    if kind in _DECIMALS:
        return format(Decimal(value), "f")
    if kind is ColumnKind.MONTH and isinstance(value, str):
        return date.fromisoformat(f"{value}-01")
    return value if kind in _TYPES else as_text(value)
