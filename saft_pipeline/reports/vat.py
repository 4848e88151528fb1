"""VAT by month, region and rate, and how it compares with what the documents themselves say.

What counts: the documents of SalesInvoices whose status is not A (cancelled) or F (invoiced by
another), as in the control totals. Lines with a CreditAmount add and lines with a DebitAmount
subtract, so that credit notes and returns are subtracted. The month is that of InvoiceDate. The
taxable base of a line is its amount, which has no tax and no discount in it, or its TaxBase if it
has one (1.04). Lines of TaxType IS (stamp duty) are no VAT and are left out; exempt lines are in,
with a rate of 0. A line without a TaxPercentage is in a row without a rate, with its TaxAmount.

Rounding: the bases of a month, region and rate are added exactly, and the VAT on that sum is
rounded once, half up, to the cent; the base is rounded for itself. A document rounds its TaxPayable
to the cent, often each of its lines, so the sum of TaxPayable differs by some cents. The
reconciliation has both for the same documents, and splits the difference: the stamp duty in
TaxPayable; `mismatch`, where a document's TaxPayable is off the tax of its lines by more than half
a cent and a cent a line; and what is left, `rounding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pandas as pd

from saft_pipeline.reports import report
from saft_pipeline.reports.charts import stacked_bars
from saft_pipeline.reports.language import Language, is_absent
from saft_pipeline.reports.report import ZERO_AMOUNT, Report, Table, cents, frame, objects, total
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports, Rows

VAT_COLUMNS = ["month", "tax_country_region", "tax_code", "tax_percentage", "taxable_base", "vat"]
_MONTH = ["company_id", "month"]
_RATE = ["company_id", *VAT_COLUMNS[:4]]
_COMPARED = (
    *("documents", "vat", "tax_payable", "difference", "stamp_duty", "rounding", "mismatch"),
)
_RULES = (
    "Documents with status A or F are left out; debit lines (credit notes, returns) subtract; "
    "the VAT of each month, region and rate is rounded once, half up, to the cent."
)
_PARTS = (
    "Difference = stamp duty (TaxType IS, part of TaxPayable) + rounding (a document rounds to the "
    "cent, here a month and rate does) + mismatch (TaxPayable is not the tax of the lines)."
)


def vat_report(source: Reports, selection: Selection) -> Report:
    """The report; of all companies each for itself, with its number in the first column."""
    with localcontext(report.EXACT):
        found = source.vat(
            selection.company_id, selection.start_date, selection.end_date, selection.source
        )
        return _report(found, selection)


def _report(found: Mapping[str, Rows], selection: Selection) -> Report:
    language = selection.language
    say = language.text
    rates = _rates(found["rates"])
    table, exempt = by_rate(rates), _exemptions(rates)
    compared = reconciled(table, _months(found["months"]))
    mismatches, untaxed, unpaid = (
        sum(int(month[name]) for month in found["months"])
        for name in ("mismatches", "untaxed", "cash_vat_documents")
    )
    owed_later = sum((Decimal(month["cash_vat"]) for month in found["months"]), ZERO_AMOUNT)
    verdict = _untaxed(untaxed, language) if untaxed else _verdict(compared, mismatches, language)
    if unpaid:
        verdict = f"{verdict} {_cash_vat(unpaid, cents(owed_later), language)}"
    tables = [
        Table("rates", say("VAT by month, region and rate"), table, say(_RULES),
              ("taxable_base", "vat")),
        Table("reconciliation", say("Beside the documents' TaxPayable"), compared, say(_PARTS),
              _COMPARED),
        _mismatches(found["documents"], language),
        Table("exemptions", say("Exempt, by reason"), exempt, summed=("taxable_base",)),
    ]  # fmt: skip
    if selection.company_id is not None:
        tables = [replace(t, frame=t.frame.drop(columns="company_id")) for t in tables]
    return Report(
        "vat",
        say("VAT"),
        f"{selection.company} · {selection.days}",
        verdict,
        mismatches == 0,
        _figures(compared, table),
        {say("VAT by month and rate"): _chart(table, language)},
        "rates",
        tables[:2] + [t for t in tables[2:] if not t.frame.empty],
        language,
    )


def _rates(rows: Rows) -> pd.DataFrame:
    amounts = "taxable_base tax_amount"
    return frame(
        rows, f"{' '.join(_RATE)} tax_exemption_code {amounts}", f"tax_percentage {amounts}"
    )


def by_rate(rates: pd.DataFrame) -> pd.DataFrame:
    """Base and VAT in cents, by month, region and rate; see the module for how VAT is rounded."""
    sums = rates.groupby(_RATE, dropna=False, as_index=False, sort=False)
    found = sums[["taxable_base", "tax_amount"]].sum()
    both = zip(found["taxable_base"], found["tax_percentage"], found["tax_amount"], strict=True)
    found["vat"] = objects(_vat(*values) for values in both)
    found["taxable_base"] = objects(map(cents, found["taxable_base"]))
    order = [*_MONTH, "tax_country_region", "tax_percentage", "tax_code"]
    return found.sort_values(order, ignore_index=True)[[*_RATE, "taxable_base", "vat"]]


def _vat(base: Decimal, percentage: Decimal, tax_amount: Decimal) -> Decimal:
    return cents(tax_amount if is_absent(percentage) else base * percentage * report.CENT)


def _months(rows: Rows) -> pd.DataFrame:
    amounts = "tax_payable stamp_duty mismatch"
    found = frame(rows, f"{' '.join(_MONTH)} documents {amounts}", amounts)
    for name in amounts.split():
        found[name] = objects(map(cents, found[name]))
    return found


def reconciled(table: pd.DataFrame, months: pd.DataFrame) -> pd.DataFrame:
    """VAT by rate beside TaxPayable, by company and month, and what the difference is made of."""
    by_month = table.groupby(_MONTH, dropna=False, as_index=False, sort=False)[["vat"]].sum()
    # Without any InvoiceDate the month is of another type on either side.
    keys = dict.fromkeys(_MONTH, "object")
    found = months.astype(keys).merge(by_month.astype(keys), on=_MONTH, how="left")
    found["vat"] = objects(ZERO_AMOUNT if is_absent(v) else v for v in found["vat"])
    found["difference"] = found["tax_payable"] - found["vat"]
    found["rounding"] = found["difference"] - found["stamp_duty"] - found["mismatch"]
    return found[[*_MONTH, *_COMPARED]]


def _mismatches(rows: Rows, language: Language) -> Table:
    found = frame(rows, "company_id invoice_date invoice_no tax_payable tax", "tax_payable tax")
    both = zip(found["tax_payable"], found["tax"], strict=True)
    found["difference"] = objects(cents((payable or ZERO_AMOUNT) - tax) for payable, tax in both)
    found["tax"] = objects(map(cents, found["tax"]))
    heading = "Documents whose TaxPayable is not the tax of their lines"
    note = (
        "The largest differences, twenty at most: ask who issued them, or have them exported again."
    )
    return Table("mismatches", language.text(heading), found, language.text(note))


def _exemptions(rates: pd.DataFrame) -> pd.DataFrame:
    """The base at a rate of 0 by TaxExemptionCode, which a VAT return asks for."""
    exempt = rates[(rates["tax_percentage"] == 0).astype(bool)]
    keys = [*_MONTH, "tax_code", "tax_exemption_code"]
    found = exempt.groupby(keys, dropna=False, as_index=False, sort=False)[["taxable_base"]].sum()
    found["taxable_base"] = objects(map(cents, found["taxable_base"]))
    return found.sort_values(keys, ignore_index=True)


def _untaxed(documents: int, language: Language) -> str:
    """Lines without Tax leave it open what VAT there is: it is not called the same."""
    text = (
        "This VAT can't be compared with TaxPayable: documents with lines that have no Tax: {count}"
    )
    return f"{language.text(text, count=language.number(documents))}."


def _cash_vat(documents: int, vat: Decimal, language: Language) -> str:
    """Receipts are not in the tables: when these documents were paid is not known here."""
    text = (
        "Documents under the cash VAT scheme: {count}; their VAT of {amount} is in this report by "
        "InvoiceDate, but is owed when they are paid."
    )
    return language.text(text, count=language.number(documents), amount=language.amount(vat))


def _verdict(compared: pd.DataFrame, mismatches: int, language: Language) -> str:
    """Whether the documents agree, in a sentence."""
    say = language.text
    parts = {
        say("stamp duty"): total(compared["stamp_duty"]),
        say("rounding"): total(compared["rounding"]),
        say(
            "documents whose TaxPayable is not the tax of their lines ({count})",
            count=language.number(mismatches),
        ): total(compared["mismatch"]),
    }
    listed = (f"{name} {language.number(a, 2, sign=True)}" for name, a in parts.items() if a)
    why = "; ".join(listed)
    return f"{_difference(total(compared['difference']), language)}{f': {why}' if why else ''}."


def _difference(off: Decimal, language: Language) -> str:
    if not off:
        return language.text("The documents' TaxPayable is the same as this VAT")
    more = "The documents' TaxPayable is {amount} more than this VAT"
    less = "The documents' TaxPayable is {amount} less than this VAT"
    return language.text(more if off > 0 else less, amount=language.amount(abs(off)))


def _figures(compared: pd.DataFrame, table: pd.DataFrame) -> dict[str, Any]:
    return {
        "documents": int(total(compared["documents"])),
        "taxable_base": total(table["taxable_base"]),
        "vat": total(table["vat"]),
        "tax_payable": total(compared["tax_payable"]),
        "difference": total(compared["difference"]),
    }


def _chart(table: pd.DataFrame, language: Language) -> str:
    taxed = table[(table["vat"] != 0).astype(bool)]
    rates = zip(taxed["tax_percentage"], taxed["tax_country_region"], strict=True)
    shown = language.shown
    labels = [shown("tax_percentage", r) + ("" if c == "PT" else f" {c}") for r, c in rates]
    return stacked_bars(
        taxed.assign(rate=labels), x="month", stack="rate", value="vat", language=language
    )
