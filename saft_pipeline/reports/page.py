"""A report as one HTML page that needs nothing else: no script, no font, no server."""

from __future__ import annotations

from html import escape

from saft_pipeline.reports.report import Report, Table, is_number, label, shown

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2937;background:#f3f4f6;margin:0}
main{max-width:1080px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:26px;margin:0}h2{font-size:17px;margin:0 0 12px}.about{color:#4b5563;margin:2px 0 20px}
.verdict{border-left:4px solid #009e73;background:#fff;padding:10px 16px;border-radius:4px}
.verdict.look{border-color:#d55e00}
.figures{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}
.figures div{background:#fff;border-radius:8px;padding:12px 18px;flex:1 1 130px}
.figures dt{color:#4b5563;font-size:13px}.figures dd{margin:0;font-size:22px;font-weight:600}
section{background:#fff;border-radius:8px;padding:20px 24px;margin:20px 0;overflow-x:auto}
svg{display:block;width:100%;height:auto}p.note{color:#4b5563;font-size:13px;margin:10px 0 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid #e5e7eb;vertical-align:top}
th{font-size:13px;color:#4b5563;font-weight:600}.n{text-align:right;white-space:nowrap}
tfoot td{font-weight:600;border-top:2px solid #9ca3af;border-bottom:0}
@media print{body{background:#fff}main{max-width:none;padding:0}section{break-inside:avoid}}
"""


def page(report: Report) -> str:
    """The page, in UTF-8; all that files say is escaped."""
    title = escape(f"{report.title}: {report.about}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><main>"
        f'<h1>{escape(report.title)}</h1><p class="about">{escape(report.about)}</p>\n'
        f"{_body(report)}</main></body></html>\n"
    )


def _body(report: Report) -> str:
    if report.is_empty:
        return f'<p class="verdict look">{escape(report.nothing)}</p>'
    look = "" if report.is_well else " look"
    figures = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in report.figures.items()
    )
    charts = "\n".join(
        f"<section><h2>{escape(name)}</h2>{svg}</section>"
        for name, svg in report.charts.items()
        if svg
    )
    return (
        f'<p class="verdict{look}">{escape(report.verdict)}</p>\n<dl class="figures">{figures}</dl>'
        f"\n{charts}\n" + "\n".join(map(_table, report.tables))
    )


def _table(table: Table) -> str:
    columns = list(table.frame.columns)
    head = "".join(f"<th{_side(c)}>{escape(label(c))}</th>" for c in columns)
    rows = "\n".join(
        f"<tr>{''.join(_cell(c, v) for c, v in zip(columns, row, strict=True))}</tr>"
        for row in table.frame.itertuples(index=False, name=None)
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f"<section><h2>{escape(table.heading)}</h2><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{rows}</tbody>{_foot(table)}</table>{note}</section>"
    )


def _foot(table: Table) -> str:
    if not table.summed:
        return ""
    sums = table.totals
    cells = [_cell(c, sums[c]) if c in sums else "<td></td>" for c in table.frame.columns]
    return f"<tfoot><tr>{''.join(cells)}</tr></tfoot>"


def _cell(column: str, value: object) -> str:
    return f"<td{_side(column)}>{escape(shown(column, value))}</td>"


def _side(column: str) -> str:
    return ' class="n"' if is_number(column) else ""
