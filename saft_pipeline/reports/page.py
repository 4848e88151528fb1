"""A report as one HTML page that needs nothing else: no script, no font, no server.

It is made for the screen and for A4 paper: heads of tables are repeated on each page.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

from saft_pipeline.reports.columns import is_number
from saft_pipeline.reports.report import Report, Table
from saft_pipeline.reports.xlsx_file import XLSX_TYPE, write_report
from saft_pipeline.visible import in_html

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2937;background:#f3f4f6;margin:0}
main{max-width:1080px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:26px;margin:0}h2{font-size:17px;margin:0 0 12px}.about{color:#4b5563;margin:2px 0 20px}
.verdict{border-left:4px solid #009e73;background:#fff;padding:10px 16px;border-radius:4px}
.verdict.look{border-color:#d55e00}.download a{color:#0072b2;margin-right:20px}
.figures{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}
.figures div{background:#fff;border-radius:8px;padding:12px 18px;flex:1 1 130px}
.figures dt{color:#4b5563;font-size:13px}.figures dd{margin:0;font-size:22px;font-weight:600}
section{background:#fff;border-radius:8px;padding:20px 24px;margin:20px 0;overflow-x:auto}
svg{display:block;width:100%;height:auto}p.note{color:#4b5563;font-size:13px;margin:10px 0 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid #e5e7eb;vertical-align:top}
th{font-size:13px;color:#4b5563;font-weight:600}.n{text-align:right;white-space:nowrap}
tfoot td{font-weight:600;border-top:2px solid #9ca3af;border-bottom:0}
@page{size:A4;margin:15mm 12mm}
@media print{body{background:#fff;font-size:10pt;print-color-adjust:exact}
main{max-width:none;padding:0}.download{display:none}.figures{gap:4px}
.figures div{padding:4px 8px;flex:1 1 0}.figures dd{font-size:12pt}
section{padding:6px 0;margin:12px 0;overflow:visible}h2,.chart,tr{break-inside:avoid}
h2{break-after:avoid}thead{display:table-header-group}tfoot{display:table-row-group}
th,td{padding:2px 4px;font-size:8.5pt}td{overflow-wrap:break-word}}
"""


def page(report: Report, downloads: Mapping[str, str] | None = None) -> str:
    """The page, in UTF-8; all that files say is escaped.

    Args:
        report: what it shows.
        downloads: addresses (`data:` ones, too) of the same report, by the name of the file.
    """
    title = in_html(f"{report.title}: {report.about}")
    return (
        f'<!DOCTYPE html>\n<html lang="{report.language.code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head>\n<body><main>"
        f'<h1>{in_html(report.title)}</h1><p class="about">{in_html(report.about)}</p>\n'
        f"{_links(report, downloads or {})}{_body(report)}</main></body></html>\n"
    )


def standalone(report: Report) -> str:
    """The page as a file of its own, with the same report as a spreadsheet in it to save."""
    book = io.BytesIO()
    write_report(report, book)
    data = base64.b64encode(book.getvalue()).decode()
    return page(report, {f"{report.name}.xlsx": f"data:{XLSX_TYPE};base64,{data}"})


def _links(report: Report, downloads: Mapping[str, str]) -> str:
    links = "".join(
        f'<a href="{in_html(address)}" download="{in_html(name)}">'
        f"{in_html(report.language.text('Download {name}', name=name))}</a>"
        for name, address in downloads.items()
    )
    return f'<p class="download">{links}</p>\n' if links else ""


def _body(report: Report) -> str:
    if report.is_empty:
        return f'<p class="verdict look">{in_html(report.summary)}</p>'
    look = "" if report.is_well else " look"
    figures = "".join(
        f"<div><dt>{in_html(name)}</dt><dd>{in_html(value)}</dd></div>"
        for name, value in report.shown_figures.items()
    )
    charts = "\n".join(
        f'<section class="chart"><h2>{in_html(name)}</h2>{svg}</section>'
        for name, svg in report.charts.items()
        if svg
    )
    tables = "\n".join(_table(report, table) for table in report.tables)
    return (
        f'<p class="verdict{look}">{in_html(report.summary)}</p>\n'
        f'<dl class="figures">{figures}</dl>'
        f"\n{charts}\n{tables}"
    )


def _table(report: Report, table: Table) -> str:
    columns = list(table.frame.columns)
    label = report.language.label
    head = "".join(f"<th{_side(c)}>{in_html(label(c))}</th>" for c in columns)
    rows = "\n".join(
        f"<tr>{''.join(_cell(report, c, v) for c, v in zip(columns, row, strict=True))}</tr>"
        for row in table.frame.itertuples(index=False, name=None)
    )
    note = f'<p class="note">{in_html(table.note)}</p>' if table.note else ""
    return (
        f"<section><h2>{in_html(table.heading)}</h2><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{rows}</tbody>{_foot(report, table)}</table>{note}</section>"
    )


def _foot(report: Report, table: Table) -> str:
    if not table.summed:
        return ""
    sums, columns = table.totals, table.frame.columns
    cells = (_cell(report, c, sums[c]) if c in sums else "<td></td>" for c in columns)
    return f"<tfoot><tr>{''.join(cells)}</tr></tfoot>"


def _cell(report: Report, column: str, value: object) -> str:
    return f"<td{_side(column)}>{in_html(report.language.shown(column, value))}</td>"


def _side(column: str) -> str:
    return ' class="n"' if is_number(column) else ""
