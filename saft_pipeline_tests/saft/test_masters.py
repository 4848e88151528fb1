"""What MasterFiles is read into: customers, products, suppliers and the tax table."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.fields import CUSTOMER_FIELDS
from saft_pipeline_tests.saft.documents import document, reading


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
    assert (found.customers, found.codes) == ([], ["customer_id"])


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


def test_tax_table_of_version_1_00_is_kept() -> None:
    entry = (
        "<TaxType><Description>IVACON</Description><TaxCodeDetails><TaxCode>Red</TaxCode>"
        "<TaxPercentage>5</TaxPercentage></TaxCodeDetails></TaxType>"
    )
    (found,) = reading(master(f"<TaxTable>{entry}</TaxTable>")).others
    assert (found.kind, found.row) == (
        "tax_table_entry",
        {
            "description": "IVACON",
            "tax_code_details": {"tax_code": "Red", "tax_percentage": "5"},
        },
    )


def test_repeated_customer_that_differs_beyond_the_columns_is_told_so() -> None:
    first, second = customer("C1"), customer("C1").replace("<AccountID>", "<Fax>1</Fax><AccountID>")
    (message,) = reading(master(first, second)).messages("repeated_customer")
    assert "with other content" in message
