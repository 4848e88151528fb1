"""Tables, views and reports as files for spreadsheets and data tools."""

from __future__ import annotations

from pathlib import Path

from saft_pipeline.reports import csv_file, xlsx_file
from saft_pipeline.reports.columns import column_kind
from saft_pipeline.reports.language import Language
from saft_pipeline.reports.making import REPORTS, make
from saft_pipeline.reports.selection import Selection, selection_of_company
from saft_pipeline.reports.sheets import Sheet, SheetColumn, sheet_of
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.schema import TABLES, views

# What can be added up: what has the sign of its document, or counts.
_SUMMED = {
    *("signed_net_total", "signed_tax_payable", "signed_gross_total", "taxable_base", "vat"),
    *("documents", "amount", "total_invoices", "total_lines"),
}
_SUMMED_IN = {"sales_by_day": ("documents", "net_total", "tax_payable", "gross_total")}


def exported_names() -> list[str]:
    """What can be exported."""
    return [*TABLES, *sorted(views()), *REPORTS]


def sheet(source: Reports, name: str, selection: Selection) -> Sheet:
    """A table, a view, or the main table of a report; tables and views are read as they go out.

    Raises:
        StoreError: it has no date, and days were asked for.
        SelectionError: as `making.make`.
    """
    if name in REPORTS:
        return sheet_of(make(name, source, selection).table)
    if selection.company_id is not None:
        selection = selection_of_company(source, selection.company_id, selection)
    period = selection.start_date, selection.end_date
    columns, rows = source.export(name, selection.company_id, *period)
    summed = [c for c, _ in columns if c in _SUMMED_IN.get(name, _SUMMED)]
    typed = tuple(SheetColumn(c, column_kind(c, type_name)) for c, type_name in columns)
    return Sheet(name, typed, rows, tuple(summed))


def write(sheet: Sheet, form: str, language: Language, path: Path, *, excel: bool = False) -> None:
    """Write a sheet to a file, as `csv`, `xlsx` or `parquet`.

    Raises:
        TooManyRowsError: XLSX can't hold them.
        ImportError: Parquet, without pyarrow.
    """
    if form == "xlsx":
        xlsx_file.write(sheet, path, language)
    elif form == "parquet":
        from saft_pipeline.reports import parquet_file

        parquet_file.write(sheet, path)
    else:
        with path.open("w", encoding="utf-8", newline="") as out:
            csv_file.write(sheet, out, excel=language if excel else None)
