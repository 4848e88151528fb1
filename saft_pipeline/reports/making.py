"""The reports that there are, by name, for who asks for one: the command, the pages, the assets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from saft_pipeline.reports.files import files_report
from saft_pipeline.reports.gaps import gaps_report
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.sales import sales_report
from saft_pipeline.reports.selection import Selection, SelectionError, selection_of_company
from saft_pipeline.reports.vat import vat_report
from saft_pipeline.store.reports import Reports

REPORTS: Mapping[str, Callable[[Reports, Selection], Report]] = {
    "vat": vat_report,
    "sales": sales_report,
    "files": files_report,
    "gaps": gaps_report,
}


def make(name: str, source: Reports, selection: Selection) -> Report:
    """The report of that name: `vat` is of one company, `files` of all, the others of either.

    Raises:
        SelectionError: no such company, or none was named where it must be.
    """
    if name == "files" and selection.company_id:
        raise SelectionError("files: one that failed has no company; leave --company out")
    if name == "gaps" and selection.source:
        raise SelectionError("gaps: a series goes on in files of any source; leave --source out")
    if name == "vat" or (name != "files" and selection.company_id):
        selection = selection_of_company(source, selection.company_id, selection)
    return REPORTS[name](source, selection)
