"""What invoices and their lines are read into: columns, and what has none."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from saft_pipeline.saft.records import Invoice
from saft_pipeline_tests.saft.documents import (
    column,
    document,
    invoice,
    invoice_with,
    line,
    of_line,
    one_invoice,
    reading,
    sales,
    totals_with,
)


def of_lines(found: Invoice) -> list[dict[str, Any]]:
    """What each line holds beyond the columns."""
    return [json.loads(f"{{{extra}}}") for block in found.lines.blocks() for _, extra in block]


def test_elements_in_another_order_give_the_same() -> None:
    usual = line()
    number, code, *rest = re.findall(r"<(?:Line|Product)(?:Number|Code)>.*\n", usual)
    swapped = usual.replace(number + code, code + number)
    assert swapped != usual
    assert rest == []
    assert list(invoice_with(lines=swapped).lines) == list(invoice_with(lines=usual).lines)


def test_old_versions_have_the_status_directly_under_the_invoice() -> None:
    text = re.sub(
        r"<DocumentStatus>.*?</DocumentStatus>",
        "<InvoiceStatus>A</InvoiceStatus>",
        document(sales(invoice())),
        flags=re.DOTALL,
    )
    found = one_invoice(text)
    assert column(found, "invoice_status") == "A"
    assert column(found, "invoice_status_date") is None


def test_old_versions_refer_to_the_corrected_document_within_credit_note() -> None:
    body = "<References><CreditNote><Reference>FT A/0</Reference><Reason>x</Reason></CreditNote>"
    found = invoice_with(lines=line(body=body + "</References>"))
    assert (of_line(found, "reference"), of_line(found, "reason")) == ("FT A/0", "x")


@pytest.mark.parametrize(
    ("inner", "amount"),
    [
        ("<CurrencyAmount>9.1</CurrencyAmount>", "9.1"),
        ("<CurrencyCreditAmount>9.2</CurrencyCreditAmount>", "9.2"),
        ("<CurrencyCreditAmount>0</CurrencyCreditAmount>"
         "<CurrencyDebitAmount>9.3</CurrencyDebitAmount>", "9.3"),
    ],
)  # fmt: skip
def test_currency_of_every_version(inner: str, amount: str) -> None:
    currency = f"<Currency><CurrencyCode>USD</CurrencyCode>{inner}</Currency>"
    found = invoice_with(totals=totals_with(currency))
    assert (column(found, "currency_code"), column(found, "currency_amount")) == ("USD", amount)


def test_several_references_are_kept_and_the_first_fills_the_columns() -> None:
    refs = "".join(f"<References><Reference>FT A/{n}</Reference></References>" for n in (7, 8))
    found = invoice_with(lines=line(body=refs))
    assert of_line(found, "reference") == "FT A/7"
    (extra,) = of_lines(found)
    assert extra["references"] == [{"reference": "FT A/7"}, {"reference": "FT A/8"}]


def test_tax_base_line_without_price_is_read() -> None:
    body = "<TaxBase>100.00</TaxBase>"
    text = line(amount="0").replace("<TaxPointDate>", body + "<TaxPointDate>")
    found = invoice_with(lines=text)
    assert (of_line(found, "tax_base"), of_line(found, "unit_price")) == ("100.00", "0")


def test_payments_are_summed_and_each_is_kept() -> None:
    pays = "".join(
        f"<Payment><PaymentMechanism>NU</PaymentMechanism><PaymentAmount>{a}</PaymentAmount>"
        "<PaymentDate>2025-03-01</PaymentDate></Payment>"
        for a in ("0.10", "0.20")
    )
    found = invoice_with(totals=totals_with(pays))
    assert column(found, "payment_amount") == "0.30"
    kept = found.extra["document_totals"]["payment"]
    assert [p["payment_amount"] for p in kept] == ["0.10", "0.20"]


def test_withholding_taxes_are_summed_and_each_is_kept() -> None:
    tax = "<WithholdingTax><WithholdingTaxAmount>{}</WithholdingTaxAmount></WithholdingTax>"
    found = invoice_with(tail=tax.format("1.1") + tax.format("2.25"))
    assert column(found, "withholding_tax_amount") == "3.35"
    assert len(found.extra["withholding_tax"]) == 2


def test_what_has_no_column_is_kept() -> None:
    head = (
        "<ShipTo><DeliveryID>1</DeliveryID><DeliveryID>2</DeliveryID>"
        "<Address><City>Faro</City></Address></ShipTo>"
    )
    body = (
        "<OrderReferences><OriginatingON>E 1</OriginatingON></OrderReferences>"
        "<ProductSerialNumber><SerialNumber>S1</SerialNumber></ProductSerialNumber>"
        "<CustomsInformation><ARCNo>A1</ARCNo><IECAmount>2</IECAmount></CustomsInformation>"
    )
    settlement = "<Settlement><SettlementAmount>3</SettlementAmount></Settlement>"
    found = invoice_with(head=head, lines=line(body=body), totals=totals_with(settlement))
    assert found.extra["ship_to"] == {"delivery_id": ["1", "2"], "address": {"city": "Faro"}}
    assert found.extra["document_totals"]["settlement"] == [{"settlement_amount": "3"}]
    assert found.extra["document_status"] == {"source_id": "ana"}
    (extra,) = of_lines(found)
    assert extra == {
        "order_references": [{"originating_on": "E 1"}],
        "product_serial_number": {"serial_number": ["S1"]},
        "customs_information": {"arc_no": ["A1"], "iec_amount": "2"},
    }


def test_hash_extract_is_characters_1_11_21_31() -> None:
    signature = "A" + "." * 9 + "B" + "." * 9 + "C" + "." * 9 + "D" + "." * 141
    text = document(sales(invoice())).replace("<Hash>0<", f"<Hash>{signature}<")
    assert column(one_invoice(text), "hash_extract") == "ABCD"


def test_uncertified_invoice_has_no_hash_extract() -> None:
    found = invoice_with()
    assert (column(found, "hash"), column(found, "hash_extract")) == ("0", None)


def test_line_count_is_that_of_the_lines() -> None:
    assert column(invoice_with(lines=line(1) + line(2) + line(3)), "line_count") == "3"


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        *(((1, 1), "line_numbers"), ((2, 1, 2), "line_numbers")),
        *(((1, ""), "line_number"), (("", ""), "line_number"), ((1, 1, ""), "line_number")),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
def test_missing_or_repeated_line_numbers_are_given_by_position_with_a_warning(
    numbers: tuple[object, ...],
    code: str,
    exact: bool,
) -> None:
    lines = "".join(line(str(n)) for n in numbers)
    again = [invoice("FT A/2")] * 2 if exact else []  # looked at again, line by line
    found = reading(document(sales(invoice(lines=lines), *again)))
    given = [row[0] for row in found.invoices[0].lines]
    assert given == [str(n + 1) for n in range(len(numbers))]
    assert found.codes == [code, *["repeated_invoice"] * exact]


def test_line_numbers_out_of_order_are_kept() -> None:
    found = reading(document(sales(invoice(lines=line(3) + line(1)), credit="20")))
    assert [row[0] for row in found.invoices[0].lines] == ["3", "1"]
    assert found.warnings == []


def test_repeated_invoice_of_equal_content_is_taken_once_with_a_warning() -> None:
    found = reading(document(sales(invoice(), invoice(), credit="20")))
    assert len(found.invoices) == 1
    assert found.codes == ["repeated_invoice"]
    assert found.totals.invoices == 1
    assert found.totals.computed.number_of_entries == 2


def test_repeated_invoice_may_be_written_in_another_way() -> None:
    other = invoice().replace("Broa", "<![CDATA[Broa]]>").replace("\n", "\n  ")
    assert reading(document(sales(invoice(), other, credit="20"))).codes == ["repeated_invoice"]


def test_repeated_invoice_may_have_its_elements_in_another_order() -> None:
    transaction = "<TransactionID>2024-03-05 1 1</TransactionID>"
    code = "<EACCode>10711</EACCode>"
    both = invoice(head=transaction + code), invoice(head=code + transaction)
    assert reading(document(sales(*both, credit="20"))).codes == ["repeated_invoice"]


def test_many_lines_are_all_kept_in_order() -> None:
    lines = "".join(line(n, body="<ARCNo>x</ARCNo>" if n == 1700 else "") for n in range(1, 2501))
    found = invoice_with(lines=lines)
    assert [row[0] for row in found.lines] == [str(n) for n in range(1, 2501)]
    assert [n for n, extra in enumerate(of_lines(found), 1) if extra] == [1700]
    assert found.lines[2499][0] == "2500"


def test_comment_at_an_invoices_beginning_changes_nothing() -> None:
    commented = invoice().replace("<Invoice>", "<Invoice><!-- a - b -->")
    usual = one_invoice(document(sales(invoice())))
    assert one_invoice(document(sales(commented))).values == usual.values


def test_warehouses_and_locations_are_always_lists() -> None:
    ship = "<ShipTo><WarehouseID>A1</WarehouseID>{}</ShipTo>"
    two = "<LocationID>X</LocationID><LocationID>Y</LocationID>"
    assert invoice_with(head=ship.format("")).extra["ship_to"] == {"warehouse_id": ["A1"]}
    assert invoice_with(head=ship.format(two)).extra["ship_to"] == {
        "warehouse_id": ["A1"],
        "location_id": ["X", "Y"],
    }
