"""What a document is read into: columns, what has none, totals, warnings."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from saft_pipeline.saft.fields import CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.reader import read
from saft_pipeline.saft.records import Header, Invoice, Totals
from saft_pipeline_tests.saft.documents import (
    TOTALS,
    document,
    invoice,
    line,
    one_invoice,
    reading,
    sales,
)


def column(found: Invoice, name: str) -> str | None:
    return found.values[INVOICE_FIELDS.index(name)]


def of_line(found: Invoice, name: str, index: int = 0) -> str | None:
    return found.lines[index][LINE_FIELDS.index(name)]


def inv(**changes: str) -> Invoice:
    return one_invoice(document(sales(invoice(**changes))))


def totals_with(inner: str) -> str:
    return TOTALS.replace("</DocumentTotals>", inner + "</DocumentTotals>")


def test_header_comes_first_and_totals_last() -> None:
    records = reading(document(sales(invoice()))).records
    assert [type(records[0]), type(records[-1])] == [Header, Totals]


def test_header_gives_the_company_and_keeps_the_rest() -> None:
    header = reading(document()).header
    assert header.values == (
        *("599999993", "Padaria São João, Lda", None),
        *("Rua do Almada 1", "Porto", "4050-030", "PT"),
    )
    assert (header.audit_file_version, header.date_created) == ("1.04_01", "2026-01-05")
    assert header.extra["currency_code"] == "EUR"


@pytest.mark.parametrize("basis", ["C", "R", "T"])
def test_basis_without_invoices_is_valid_and_empty(basis: str) -> None:
    text = document().replace("Basis>F", f"Basis>{basis}")
    found = reading(text)
    assert found.invoices == []
    assert found.warnings == []
    assert found.totals.computed.number_of_entries == 0


def test_prefix_and_namespace_do_not_matter() -> None:
    text = document(sales(invoice()))
    prefixed = re.sub(r"<(/?)([A-Z])", r"<\1n-1:\2", text).replace("xmlns=", "xmlns:n-1=")
    assert one_invoice(prefixed).values == one_invoice(text).values
    assert list(one_invoice(prefixed).lines) == list(one_invoice(text).lines)


def test_attributes_are_passed_by_even_with_angle_brackets_in_them() -> None:
    text = document(sales(invoice())).replace("<InvoiceNo>", "<InvoiceNo a='>' b = \"/>'\" >")
    assert column(one_invoice(text), "invoice_no") == "FT A/1"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("P&#227;o &amp; Broa", "Pão & Broa"),
        ("P&#xE3;o &lt;b&gt; &quot;x&quot; &apos;y&apos;", "Pão <b> \"x\" 'y'"),
        ("<![CDATA[Pão & <b>Broa</b>]]>", "Pão & <b>Broa</b>"),
        ("Pão <![CDATA[&amp;]]> Broa", "Pão &amp; Broa"),
        ("Pão<!-- <Line> --> Broa", "Pão Broa"),
        ("Pão<?x </Line> ?> Broa", "Pão Broa"),
        ("<!-- a --><!-- b -->Pão<!-- c -->", "Pão"),
        ("\n\t Pão\n  de milho \n", "Pão\n  de milho"),
        ("&amp;amp;", "&amp;"),
        ("\u00a0Pão\u00a0", "\u00a0Pão\u00a0"),
        ("   ", None),
        ("", None),
    ],
)
def test_text_is_read_rightly_and_stripped(written: str, read_as: str | None) -> None:
    text = document(sales(invoice())).replace("<Description>Broa", f"<Description>{written}")
    assert of_line(one_invoice(text), "description") == read_as


def test_empty_element_is_absent() -> None:
    found = inv(lines=line().replace("<UnitOfMeasure>UN</UnitOfMeasure>", "<UnitOfMeasure />"))
    assert of_line(found, "unit_of_measure") is None


def test_line_ends_of_windows_are_line_feeds() -> None:
    text = document(sales(invoice())).replace("<Description>Broa", "<Description>Broa\nde milho")
    found = one_invoice(text.replace("\n", "\r\n"))
    assert of_line(found, "description") == "Broa\nde milho"
    assert found.line == one_invoice(text).line


def test_elements_in_another_order_give_the_same() -> None:
    usual = line()
    number, code, *rest = re.findall(r"<(?:Line|Product)(?:Number|Code)>.*\n", usual)
    swapped = usual.replace(number + code, code + number)
    assert swapped != usual
    assert rest == []
    assert list(inv(lines=swapped).lines) == list(inv(lines=usual).lines)


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
    found = inv(lines=line(body=body + "</References>"))
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
    found = inv(totals=totals_with(currency))
    assert (column(found, "currency_code"), column(found, "currency_amount")) == ("USD", amount)


def test_several_references_are_kept_and_the_first_fills_the_columns() -> None:
    refs = "".join(f"<References><Reference>FT A/{n}</Reference></References>" for n in (7, 8))
    found = inv(lines=line(body=refs))
    assert of_line(found, "reference") == "FT A/7"
    ((_, extra),) = found.lines.with_extra()
    assert extra["references"] == [{"reference": "FT A/7"}, {"reference": "FT A/8"}]


def test_tax_base_line_without_price_is_read() -> None:
    body = "<TaxBase>100.00</TaxBase>"
    text = line(amount="0").replace("<TaxPointDate>", body + "<TaxPointDate>")
    found = inv(lines=text)
    assert (of_line(found, "tax_base"), of_line(found, "unit_price")) == ("100.00", "0")


def test_payments_are_summed_and_each_is_kept() -> None:
    pays = "".join(
        f"<Payment><PaymentMechanism>NU</PaymentMechanism><PaymentAmount>{a}</PaymentAmount>"
        "<PaymentDate>2025-03-01</PaymentDate></Payment>"
        for a in ("0.10", "0.20")
    )
    found = inv(totals=totals_with(pays))
    assert column(found, "payment_amount") == "0.30"
    kept = found.extra["document_totals"]["payment"]
    assert [p["payment_amount"] for p in kept] == ["0.10", "0.20"]


def test_withholding_taxes_are_summed_and_each_is_kept() -> None:
    tax = "<WithholdingTax><WithholdingTaxAmount>{}</WithholdingTaxAmount></WithholdingTax>"
    found = inv(tail=tax.format("1.1") + tax.format("2.25"))
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
    found = inv(head=head, lines=line(body=body), totals=totals_with(settlement))
    assert found.extra["ship_to"] == {"delivery_id": ["1", "2"], "address": {"city": "Faro"}}
    assert found.extra["document_totals"]["settlement"] == [{"settlement_amount": "3"}]
    assert found.extra["document_status"] == {"source_id": "ana"}
    ((_, extra),) = found.lines.with_extra()
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
    found = inv()
    assert (column(found, "hash"), column(found, "hash_extract")) == ("0", None)


def test_line_count_is_that_of_the_lines() -> None:
    assert column(inv(lines=line(1) + line(2) + line(3)), "line_count") == "3"


@pytest.mark.parametrize("numbers", [(1, 1), (1, ""), ("", ""), (2, 1, 2)])
def test_missing_or_repeated_line_numbers_are_given_by_position_with_a_warning(
    numbers: tuple[object, ...],
) -> None:
    lines = "".join(line(str(n)) for n in numbers)
    found = reading(document(sales(invoice(lines=lines), credit=f"{10 * len(numbers)}")))
    given = [row[0] for row in found.invoices[0].lines]
    assert given == [str(n + 1) for n in range(len(numbers))]
    assert found.codes == ["line_numbers"]


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
    regimes = "<SpecialRegimes><CashVATSchemeIndicator>0</CashVATSchemeIndicator></SpecialRegimes>"
    code = "<EACCode>10711</EACCode>"
    both = invoice(head=regimes + code), invoice(head=code + regimes)
    assert reading(document(sales(*both, credit="20"))).codes == ["repeated_invoice"]


def test_control_totals_leave_out_cancelled_and_billed_invoices() -> None:
    found = reading(
        document(
            sales(
                invoice("FT A/1", line(1, "10.10") + line(2, "0.05", side="Debit")),
                invoice("FT A/2", status="A"),
                invoice("FT A/3", status="F"),
                invoice("FT A/4", line(1, "0.20"), status="R"),
                debit="0.05",
                credit="10.30",
            )
        )
    )
    assert found.totals.computed == (4, "0.05", "10.30")
    assert found.totals.declared == (4, "0.05", "10.30")
    assert found.warnings == []


@pytest.mark.parametrize(
    ("entries", "debit", "credit", "says"),
    [
        (2, "0", "10", "number_of_entries is declared as 2, and is 1"),
        (1, "5", "10", "total_debit is declared as 5, and is 0"),
        (1, "0", "10.01", "total_credit is declared as 10.01, and is 10.00"),
    ],
)
def test_control_total_that_differs_is_a_warning_with_both(
    entries: int, debit: str, credit: str, says: str
) -> None:
    text = document(sales(invoice(), entries=entries, debit=debit, credit=credit))
    (message,) = reading(text).messages("control_totals")
    assert message == f"sales_invoices: {says}"


def test_other_sections_are_counted_and_summed() -> None:
    work = (
        "<WorkingDocuments><NumberOfEntries>2</NumberOfEntries><TotalDebit>0</TotalDebit>"
        "<TotalCredit>10</TotalCredit>{}{}</WorkingDocuments>"
    )
    status = "<DocumentStatus><WorkStatus>{}</WorkStatus></DocumentStatus>"
    one = f"<WorkDocument>{status}{{}}</WorkDocument>"
    goods = (
        "<MovementOfGoods><NumberOfMovementLines>1</NumberOfMovementLines>"
        "<TotalQuantityIssued>1</TotalQuantityIssued><StockMovement>{}</StockMovement>"
        "</MovementOfGoods>"
    )
    body = work.format(one.format("N", line()), one.format("A", line())) + goods.format(line())
    found = reading(document(f"<SourceDocuments>{body}</SourceDocuments>"))
    assert found.warnings == []
    assert found.totals.sections["working_documents"]["computed"] == {
        "number_of_entries": "2",
        "total_debit": "0",
        "total_credit": "10.00",
    }
    assert found.totals.sections["movement_of_goods"]["read"] == {"documents": 1, "lines": 1}


def master(*customers: str) -> str:
    return document(f"<MasterFiles>{''.join(customers)}</MasterFiles>")


def customer(number: str, nif: str = "999999990", name: str = "Ana", country: str = "PT") -> str:
    return (
        f"<Customer><CustomerID>{number}</CustomerID><AccountID>21</AccountID>"
        f"<CustomerTaxID>{nif}</CustomerTaxID><CompanyName>{name}</CompanyName>"
        f"<BillingAddress><City>Faro</City><Country>{country}</Country></BillingAddress></Customer>"
    )


def test_customer_is_read_with_the_company_it_is_of() -> None:
    (found,) = reading(master(customer("C1"))).customers
    assert dict(zip(CUSTOMER_FIELDS, found.values, strict=True)) == {
        "company_id": "599999993",
        "customer_id": "C1",
        "customer_tax_id": "999999990",
        "account_id": "21",
        "company_name": "Ana",
        "address_detail": None,
        "city": "Faro",
        "postal_code": None,
        "country": "PT",
    }


@pytest.mark.parametrize(("name", "says"), [("Ana", "the same"), ("Eva", "other")])
def test_repeated_customer_is_taken_once_with_a_warning(name: str, says: str) -> None:
    found = reading(master(customer("C1"), customer("C1", name=name)))
    assert [c.values[4] for c in found.customers] == ["Ana"]
    (message,) = found.messages("repeated_customer")
    assert f"with {says} content" in message


def test_customer_without_number_is_left_out_with_a_warning() -> None:
    found = reading(master(customer("")))
    assert (found.customers, found.codes) == ([], ["customer"])


def test_wrong_nif_of_the_company_is_a_warning() -> None:
    found = reading(document().replace("599999993", "599999990"))
    assert "is not a valid NIF" in found.messages("nif")[0]


def test_nif_is_checked_only_of_portuguese_customers() -> None:
    found = reading(master(customer("C1", "B12345678", country="ES"), customer("C2", "123")))
    (message,) = found.messages("nif")
    assert "'123' of 'C2'" in message


def test_warnings_of_a_kind_are_limited_and_the_rest_counted() -> None:
    found = reading(master(*[customer("C1")] * 202))
    assert len(found.warnings) == 101
    assert found.warnings[-1]["message"] == "and 101 more of this kind"


def test_products_suppliers_and_tax_table_are_kept() -> None:
    text = master(
        "<Supplier><SupplierID>S1</SupplierID></Supplier>",
        "<Product><ProductCode>P1</ProductCode></Product>",
        "<TaxTable><TaxTableEntry><TaxPercentage>23</TaxPercentage></TaxTableEntry></TaxTable>",
    )
    assert [(o.kind, o.row) for o in reading(text).others] == [
        ("supplier", {"supplier_id": "S1"}),
        ("product", {"product_code": "P1"}),
        ("tax_table_entry", {"tax_percentage": "23"}),
    ]


def test_unknown_version_is_a_warning() -> None:
    assert reading(document().replace("1.04_01</A", "9.9</A")).codes == ["version"]


def test_text_between_elements_is_a_warning() -> None:
    found = reading(document(sales("stray" + invoice(), entries=1)))
    assert found.codes == ["stray_text"]
    assert len(found.invoices) == 1


def test_invoices_elsewhere_than_in_sales_invoices_are_passed_over() -> None:
    assert reading(document(f"<Elsewhere>{invoice()}</Elsewhere>")).invoices == []


def test_many_lines_are_all_kept_in_order() -> None:
    lines = "".join(line(n, body="<ARCNo>x</ARCNo>" if n == 1700 else "") for n in range(1, 2501))
    found = inv(lines=lines)
    assert [row[0] for row in found.lines] == [str(n) for n in range(1, 2501)]
    assert [n for n, (_, extra) in enumerate(found.lines.with_extra(), 1) if extra] == [1700]
    assert found.lines[2499][0] == "2500"


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_nothing_changes_however_the_pieces_fall(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = document(sales(invoice("FT A/1", head="<!-- é -->"), invoice("FT A/2", status="A")))
    whole = reading(text)
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", size)
    cut = reading(text)
    assert [(i.values, list(i.lines), i.line) for i in cut.invoices] == [
        (i.values, list(i.lines), i.line) for i in whole.invoices
    ]


def test_file_opened_by_path_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    path.write_text(document(), encoding="utf-8")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with read(path, name="f.xml") as opened:
        assert len(list(opened)) == 2
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_stream_that_can_not_be_read_twice_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with read(Pipe(document().encode()), name="pipe") as opened:
        assert len(list(opened)) == 2
