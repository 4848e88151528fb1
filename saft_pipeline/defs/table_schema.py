"""The columns of each asset: what they mean, and which columns of other assets they are made from.

What columns of tables mean is read from the migrations, and the names in `parsed_json` are those of
the reader's fields: neither is said again here. Only definitions are made of this; no event of a
file repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from saft_pipeline.loading.file_load import LEDGER_FACTS
from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.records import HEADER_FACTS, ControlTotals
from saft_pipeline.store.catalog import Catalog, CatalogTable

PARSED = "parsed_json"
LINES = "invoice.lines"

# The records of parsed_json that become rows, and the tables whose columns they hold.
_RECORDS = {
    "companies": ("header", COMPANY_FIELDS),
    "customers": ("customer", CUSTOMER_FIELDS),
    "invoices": ("invoice", INVOICE_FIELDS),
    "invoice_lines": (LINES, LINE_FIELDS),
}
_TOTALS = ("declared", "computed")
_SIGN = ("invoices:invoice_type", "invoices:invoice_status")
_BASE = (
    *("invoice_lines:credit_amount", "invoice_lines:debit_amount", "invoice_lines:tax_base"),
    *("invoices:net_total", *_SIGN),
)

# What is made otherwise than from the field of the same name: `ASSET:COLUMN` each.
_MADE_FROM: dict[str, dict[str, tuple[str, ...]]] = {
    "companies": {"date_created": (f"{PARSED}:header.date_created",)},
    "customers": {"date_created": (f"{PARSED}:header.date_created",)},
    "invoices": {"id": (f"{PARSED}:invoice.company_id", f"{PARSED}:invoice.invoice_no")},
    "invoice_lines": {
        "invoice_id": (f"{PARSED}:invoice.company_id", f"{PARSED}:invoice.invoice_no")
    },
    "invoice_file_links": {
        "invoice_id": ("invoices:id",),
        "content_hash": ("invoices:content_hash",),
    },
    "invoice_files": {
        "company_id": ("companies:company_id",),
        "date_created": (f"{PARSED}:header.date_created",),
        **{
            fact: (f"{PARSED}:header.{fact if fact in HEADER_FACTS else f'extra.{fact}'}",)
            for fact in LEDGER_FACTS
        },
        "total_invoices": ("invoice_file_links:invoice_id",),
        "total_lines": ("invoice_lines:line_number",),
        **{
            f"{side}_{name}": (f"{PARSED}:totals.{side}.{name}",)
            for side in _TOTALS
            for name in ControlTotals._fields
        },
    },
    "vat_summary": {
        "company_id": ("invoices:company_id",),
        "month": ("invoices:invoice_date",),
        "tax_country_region": ("invoice_lines:tax_country_region",),
        "tax_code": ("invoice_lines:tax_code",),
        "tax_percentage": ("invoice_lines:tax_percentage",),
        "taxable_base": _BASE,
        "vat": (*_BASE, "invoice_lines:tax_percentage", "invoice_lines:tax_amount"),
    },
    "sales_by_day": {
        "company_id": ("invoices:company_id",),
        "invoice_date": ("invoices:invoice_date",),
        "branch": ("invoice_files:branch",),
        "documents": ("invoices:invoice_no",),
        "net_total": ("invoices:net_total", *_SIGN),
        "tax_payable": ("invoices:tax_payable", *_SIGN),
        "gross_total": ("invoices:gross_total", *_SIGN),
    },
}


# The view that says the same as a report.
_VIEWS = {"vat_summary": "vat_by_month", "sales_by_day": "sales_by_day"}
_NUMBERS = {
    *("documents", "net_total", "tax_payable", "gross_total"),
    *("tax_percentage", "taxable_base", "vat"),
}


def schema(asset: str, catalog: Catalog) -> dg.TableSchema | None:
    """The columns of an asset; None if it has none."""
    if asset in catalog.tables:
        return _of_table(catalog.tables[asset])
    if asset == PARSED:
        return dg.TableSchema(list(_parsed(catalog)))
    if asset in _MADE_FROM:
        return dg.TableSchema(list(_of_report(asset, catalog)))
    return None


def lineage(asset: str, prefix: Sequence[str] = ()) -> dg.TableColumnLineage | None:
    """Which columns each column of an asset is made from; None for what is made of no columns."""
    record, fields = _RECORDS.get(asset, ("", ()))
    same = {field: (f"{PARSED}:{record}.{field}",) for field in fields}
    made_from = {**same, **_MADE_FROM.get(asset, {})}
    if not made_from:
        return None
    return dg.TableColumnLineage({name: list(_deps(of, prefix)) for name, of in made_from.items()})


def _deps(columns: Iterable[str], prefix: Sequence[str]) -> Iterator[dg.TableColumnDep]:
    for column in columns:
        asset, _, name = column.partition(":")
        yield dg.TableColumnDep(asset_key=dg.AssetKey([*prefix, asset]), column_name=name)


def _of_table(table: CatalogTable) -> dg.TableSchema:
    columns = [
        dg.TableColumn(
            column.name,
            column.kind,
            column.meaning,
            dg.TableColumnConstraints(column.nullable, unique=table.key == (column.name,)),
        )
        for column in table.columns
    ]
    together = [f"primary key ({', '.join(table.key)})"]
    return dg.TableSchema(columns, dg.TableConstraints(together))


def _parsed(catalog: Catalog) -> Iterator[dg.TableColumn]:
    """Text in JSON all of it, named by the record that holds it; `invoice.lines` is a list."""
    comments = catalog.comments
    for table, (record, fields) in _RECORDS.items():
        for field in fields:
            yield dg.TableColumn(f"{record}.{field}", "text", comments[f"{table}.{field}"])
    for fact in HEADER_FACTS:
        yield dg.TableColumn(f"header.{fact}", "text", f"Header/{_element(fact)}.")
    for fact in LEDGER_FACTS:
        if fact not in HEADER_FACTS:
            yield dg.TableColumn(f"header.extra.{fact}", "text", comments[f"invoice_files.{fact}"])
    for side in _TOTALS:
        for name in ControlTotals._fields:
            meaning = comments[f"invoice_files.{side}_{name}"]
            yield dg.TableColumn(f"totals.{side}.{name}", "text", meaning)


def _element(name: str) -> str:
    """`date_created` is DateCreated."""
    return "".join(word.capitalize() for word in name.split("_"))


def _of_report(asset: str, catalog: Catalog) -> Iterator[dg.TableColumn]:
    for name in _MADE_FROM[asset]:
        meaning = catalog.comments[f"{_VIEWS[asset]}.{name}"]
        # What only names another column means what that one does.
        meaning = catalog.comments.get(meaning.removesuffix("."), meaning)
        yield dg.TableColumn(name, "numeric" if name in _NUMBERS else "text", meaning)
