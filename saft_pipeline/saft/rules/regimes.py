"""What a document says of who issued it and under which regimes, beside the columns of its row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from saft_pipeline.saft.records import Extra, Invoice
from saft_pipeline.saft.rules.addresses import OF_CUSTOMERS, countries
from saft_pipeline.saft.rules.elements import element, held_in
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.once import again
from saft_pipeline.saft.rules.slots import of_invoice

_NUMBER, _DATE, _STATUS, _CASH_VAT = of_invoice(
    "invoice_no invoice_date invoice_status cash_vat_scheme"
)
_INDICATORS = (
    *("self_billing_indicator", "cash_vat_scheme_indicator", "third_parties_billing_indicator"),
)
_odd_indicator = re.compile(r'"([a-z_]+_indicator)":"((?!(?:0|1)")[^"]*)"').search
_started = re.compile(r'"movement_start_time":"([^"]+)"').search
_activity = re.compile(r'"eac_code":"([^"]*)"').search
_is_activity = re.compile(r"[0-9]{5}", re.ASCII).fullmatch
_transaction = re.compile(r'"transaction_id":"([^"]*)"').search
is_transaction = re.compile(
    r"[1-9][0-9]{3}-[01][0-9]-[0-3][0-9] [^ ]{1,30} [^ ]{1,20}", re.ASCII
).fullmatch
_SOURCE, _MOVED, _ADDRESS = '"source_id":', '"movement_start_time":', '"address":'


class Regimes:
    """Checks SourceID, SpecialRegimes, EACCode, where goods leave and come to, and when they do.

    Counts documents under cash VAT.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._cash_vat = 0

    def regimes(self, invoice: Invoice) -> Iterator[Finding]:
        """What is wrong or missing of them."""
        extra = invoice.extra_json
        yield from indicators(extra, invoice.line, invoice.values[_NUMBER])
        if not self._is_whole(extra):
            for name in self._missing(invoice.extra):
                yield _about(invoice, "mandatory", name, None)
        if invoice.values[_CASH_VAT] is not None:
            self.count_cash_vat(is_cancelled=invoice.values[_STATUS] == "A")
        if _MOVED in extra:
            yield from _moved(invoice, extra)
        if _ADDRESS in extra:
            for key in ("ship_to", "ship_from"):
                for place in held_in(invoice.extra, key):
                    line, about = invoice.line, invoice.values[_NUMBER]
                    yield from countries(place, ("address",), OF_CUSTOMERS, line, about)
        if self._version == "1.01":
            yield from again(invoice.extra, invoice.line, invoice.values[_NUMBER])
        if (code := _activity(extra)) and not _is_activity(code[1]):
            yield _about(invoice, "code_form", "5 digits as EACCode", code[1])
        if (booked := _transaction(extra)) and not is_transaction(booked[1]):
            expected = "a date, a journal and a number as TransactionID"
            yield _about(invoice, "transaction_id", expected, booked[1])

    def count_cash_vat(self, *, is_cancelled: bool) -> None:
        """Count a document under the cash VAT scheme."""
        self._cash_vat += not is_cancelled

    def _is_whole(self, extra_json: str) -> bool:
        """Whether all is there that `_missing` would look for."""
        if self._version < "1.01":
            return True
        count = extra_json.count('_indicator":')
        if self._version < "1.02":
            return count > 0
        return extra_json.count(_SOURCE) > 1 and count > (0 if self._version == "1.02" else 2)

    def _missing(self, extra: Extra) -> Iterator[str]:
        if self._version >= "1.02":
            if not extra.get("source_id"):
                yield "SourceID"
            if not _part(extra, "document_status").get("source_id"):
                yield "DocumentStatus/SourceID"
        regimes = _part(extra, "special_regimes")
        if self._version < "1.03":
            if not (extra.get("self_billing_indicator") or regimes):
                yield "SelfBillingIndicator"
        elif regimes:
            yield from (element(key) for key in _INDICATORS if not regimes.get(key))
        else:
            yield "SpecialRegimes"

    def finish(self) -> Iterator[Finding]:
        """How many documents owe their VAT only when they are paid."""
        if self._cash_vat:
            expected = "documents that owe their VAT on InvoiceDate"
            found = f"{self._cash_vat:,} under the cash VAT scheme"
            yield finding("cash_vat", None, None, expected, found)


def indicators(members: str, line: int, document: str | None) -> Iterator[Finding]:
    """An indicator in the JSON of what has no column that is neither 0 nor 1."""
    if odd := _odd_indicator(members):
        yield finding("special_regimes", line, document, f"0 or 1 as {odd[1]}", odd[2])


def _moved(invoice: Invoice, extra: str) -> Iterator[Finding]:
    start, date = _started(extra), invoice.values[_DATE]
    if start and date is not None and start[1][:10] < date:
        yield _about(invoice, "movement_start", f"{date} or later", start[1])


def _part(extra: Extra, key: str) -> dict[str, Any]:
    part = extra.get(key)
    return part if isinstance(part, dict) else {}


def _about(invoice: Invoice, rule: str, expected: str, found: str | None) -> Finding:
    return finding(rule, invoice.line, invoice.values[_NUMBER], expected, found)
