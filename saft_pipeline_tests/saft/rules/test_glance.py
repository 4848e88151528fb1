"""Which rules look at a document: those that are not asked would have found nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saft_pipeline.saft import invoices as reading_of_invoices
from saft_pipeline.saft import kinds
from saft_pipeline.saft.fields import (
    COMPANY_FIELDS,
    CUSTOMER_FIELDS,
    INVOICE_FIELDS,
    LINE_FIELDS,
    key_of,
)
from saft_pipeline.saft.records import Invoice, Record
from saft_pipeline.saft.rules import plans
from saft_pipeline.saft.rules.checker import Checker, check
from saft_pipeline.saft.rules.glance import Glance
from saft_pipeline_tests.saft.documents import HEADER, document, invoice, line, reading, sales
from saft_pipeline_tests.saft.rules import conformance
from saft_pipeline_tests.saft.rules.alike import assert_alike, numbered
from saft_pipeline_tests.saft.rules.conformance import varied
from saft_pipeline_tests.saft.rules.findings_of import MASTERS
from saft_pipeline_tests.saft.rules.test_never_raises import CHANGES, mutated

TIMES = 4
_document = re.compile(rb"<Invoice>.*?</Invoice>", re.DOTALL)
_number = re.compile(rb"(?<=<InvoiceNo>)(.+?/)(\d+)")


def _numbered_on(base: bytes) -> bytes:
    """A base with each of its documents several times over, each series numbered on."""
    following: dict[bytes, int] = {}

    def several(found: re.Match[bytes]) -> bytes:
        return b"\n".join(one(found[0]) for _ in range(TIMES))

    def one(text: bytes) -> bytes:
        known = _number.search(text)
        assert known
        number = following.setdefault(known[1], int(known[2]))
        following[known[1]] += 1
        text = _number.sub(rb"\g<1>%d" % number, text)
        text = re.sub(rb"-\d+(?=</ATCUD>)", b"-%d" % number, text)
        return re.sub(rb"(?<=<Hash>)....", b"%04d" % number, text)

    return _document.sub(several, base)


BASES = [_numbered_on(c.content) for c in varied() if c.name.endswith(("-as-it-is", "madeira"))]

ALIKE = _numbered_on((Path(conformance.__file__).parent / "base-1.04.xml").read_bytes()).decode()


_PLACE = (
    "<DeliveryID>1</DeliveryID><DeliveryDate>2024-03-05</DeliveryDate>"
    "<WarehouseID>1</WarehouseID><LocationID>1</LocationID><Address>"
    "<BuildingNumber>1</BuildingNumber><StreetName>Rua</StreetName>"
    "<AddressDetail>Rua</AddressDetail><City>Porto</City><PostalCode>4050-030</PostalCode>"
    "<Region>Porto</Region><Country>PT</Country></Address>"
)
# What no base has in all its documents.
_MORE = {
    "<SystemEntryDate>": "<EACCode>47111</EACCode>\\g<0>",
    "<CustomerID>": "<TransactionID>2024-03-05 1 1</TransactionID>\\g<0>",
    "</CustomerID>": f"\\g<0><ShipTo>{_PLACE}</ShipTo><ShipFrom>{_PLACE}</ShipFrom>"
    "<MovementEndTime>2026-01-01T00:00:00</MovementEndTime>"
    "<MovementStartTime>2026-01-01T00:00:00</MovementStartTime>",
    "</LineNumber>": "\\g<0><OrderReferences><OriginatingON>1</OriginatingON>"
    "<OrderDate>2001-01-01</OrderDate></OrderReferences>",
    "<(Debit|Credit)Amount>": "<ProductSerialNumber><SerialNumber>1</SerialNumber>"
    "</ProductSerialNumber>\\g<0>",
    "</Line>": "<SettlementAmount>0</SettlementAmount><CustomsInformation><ARCNo>1</ARCNo>"
    "<IECAmount>1</IECAmount></CustomsInformation>\\g<0>",
    "<Payment>": "<Settlement><SettlementDiscount>0</SettlementDiscount>"
    "<SettlementAmount>0</SettlementAmount><SettlementDate>2024-03-05</SettlementDate>"
    "<PaymentTerms>30</PaymentTerms></Settlement>\\g<0>",
}
# The same, with which rules look at all payments.
_SELDOM = {
    "<GrossTotal>(.+)</GrossTotal>": "\\g<0><Currency><CurrencyCode>USD</CurrencyCode>"
    "<CurrencyAmount>\\1</CurrencyAmount><ExchangeRate>1</ExchangeRate></Currency>",
    "</DocumentTotals>": "\\g<0><WithholdingTax><WithholdingTaxType>IRS</WithholdingTaxType>"
    "<WithholdingTaxDescription>IRS</WithholdingTaxDescription>"
    "<WithholdingTaxAmount>0.01</WithholdingTaxAmount></WithholdingTax>",
}


def _with(more: dict[str, str], text: str) -> str:
    for where, what in more.items():
        text = re.sub(where, what, text)
    return text


ALIKE_WITH_MORE = _with(_MORE, ALIKE)
ALIKE_WITH_ALL = _with(_SELDOM, ALIKE_WITH_MORE)
# With texts that are not values as they are.
WITH_LINE_FEEDS = ALIKE.replace("<Description>", "<Description>Pão\n")


def _discounted(number: int) -> str:
    """An invoice with a line without tax, less a discount."""
    body = line().replace("<UnitPrice>10", "<UnitPrice>12").replace("NOR<", "ISE<")
    reason = "<TaxExemptionReason>x</TaxExemptionReason><TaxExemptionCode>M07</TaxExemptionCode>"
    settled = f"</Tax>{reason}<SettlementAmount>2.00</SettlementAmount>"
    body = body.replace("</Tax>", settled).replace("<TaxPercentage>23", "<TaxPercentage>0")
    text = numbered(f"{number}").replace(line(), body)
    return text.replace("<TaxPayable>2.30", "<TaxPayable>0").replace(">12.30<", ">10.00<")


DISCOUNTED = document(MASTERS, sales(*map(_discounted, range(1, 6)), credit="50"))


def _elements(text: str) -> set[str]:
    return set(re.findall(r"<(\w+)>[^<]*</", text.partition("<Invoice>")[2]))


PLACES = [
    *((ALIKE, name) for name in sorted(_elements(ALIKE))),
    *((WITH_LINE_FEEDS, name) for name in sorted(_elements(WITH_LINE_FEEDS))),
    *((ALIKE_WITH_MORE, name) for name in sorted(_elements(ALIKE_WITH_MORE) - _elements(ALIKE))),
    *((DISCOUNTED, name) for name in sorted(_elements(DISCOUNTED) - _elements(ALIKE))),
    *((DISCOUNTED, name) for name in ("Description", "UnitPrice")),
    *(
        (ALIKE_WITH_ALL, name)
        for name in sorted(_elements(ALIKE_WITH_ALL) - _elements(ALIKE_WITH_MORE))
    ),
]
VALUES = (
    *("", "0", "1", "-1", "2", "999999990", "A", "NC", "M99", "M31", "NOR", "FT A/1", "XX"),
    *("2001-01-01", "2009-06-01", "2029-01-01", "2001-01-01T00:00:00", "2029-01-01T00:00:00"),
)
FEW_VALUES = ("", "-1", "XX", "2029-01-01")


def _spared(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> float:
    """The part of the documents at which not all rules look."""
    looked: list[bool] = []
    real = Glance.rules_for

    def noted(self: Glance, invoice: Invoice) -> object:
        rules = real(self, invoice)
        looked.append(rules is self.all)
        return rules

    monkeypatch.setattr(Glance, "rules_for", noted)
    check(records)
    return looked.count(False) / len(looked)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(BASES),
    st.lists(st.tuples(st.floats(0, 0.999), CHANGES), max_size=4),
)
def test_rules_that_are_not_asked_would_say_nothing(
    base: bytes, changes: list[tuple[float, str]]
) -> None:
    assert_alike(mutated(base, changes))


@pytest.mark.parametrize(("base", "name"), PLACES, ids=[name for _, name in PLACES])
def test_no_element_of_the_last_of_documents_that_are_alike_is_overlooked(
    base: str, name: str
) -> None:
    *_, (start, end) = (found.span() for found in re.finditer(f"<{name}>[^<]*</{name}>", base))
    for value in VALUES if base is not WITH_LINE_FEEDS else FEW_VALUES:
        other = f"<{name}>{value}</{name}>"
        assert_alike(f"{base[:start]}{other}{base[end:]}".encode())
        assert_alike(f"{base[:start]}{other}{base[start:]}".encode())
    assert_alike(f"{base[:start]}{base[end:]}".encode())


def test_a_code_of_an_amount_that_is_not_there_is_not_taken_for_right() -> None:
    payment = "<Payment><PaymentMechanism>XX</PaymentMechanism><PaymentAmount></PaymentAmount>"
    text = ALIKE.replace("</DocumentTotals>", f"{payment}</Payment></DocumentTotals>")
    *_, gross = re.findall("<GrossTotal>(.+)</GrossTotal>", text)
    before, end, after = text.rpartition("</PaymentAmount>")
    assert_alike(f"{before}{gross}{end}{after}".encode())


def test_a_note_finds_its_document_whatever_zeros_its_number_has_after_others() -> None:
    reference = "<References><Reference>FT A/0101</Reference></References>"
    note = invoice("NC A/1", line(amount="99.00", side="Debit", body=reference))
    note = note.replace("<InvoiceType>FT", "<InvoiceType>NC").replace(">12.30<", ">121.77<")
    documents = [numbered(f"{n}") for n in range(1, 101)]
    content = document(MASTERS, sales(*documents, numbered("0101"), note)).encode()
    assert_alike(content)
    assert "credit_amount" in check(reading(content).records).counts


def test_a_second_code_of_a_series_is_found_at_each_of_its_documents() -> None:
    documents = [numbered(f"{n}") for n in range(1, 9)]
    others = [numbered(f"{n}").replace("ABCD", "WXYZ") for n in range(9, 12)]
    content = document(MASTERS, sales(*documents, *others)).encode()
    assert_alike(content)
    assert check(reading(content).records).counts["atcud"] == 3


@pytest.mark.parametrize(
    ("last", "other"),
    [
        ("</LineNumber>", "</LineNumber><References><Reference>FT A/99</Reference></References>"),
        ("<References>.*?</References>", ""),
        ("<Line>.*?</Line>", ""),
        ("<Tax>.*?</Tax>", ""),
        ("<SpecialRegimes>.*?</SpecialRegimes>", ""),
        ("<DocumentStatus>.*?</DocumentStatus>", ""),
    ],
    ids=["reference", "no-reference", "no-line", "no-tax", "no-regimes", "no-status"],
)
def test_no_other_build_is_overlooked(last: str, other: str) -> None:
    *_, (start, end) = (found.span() for found in re.finditer(last, ALIKE, re.DOTALL))
    assert_alike(f"{ALIKE[:start]}{other}{ALIKE[end:]}".encode())


def test_references_that_stand_again_in_101_are_found_after_documents_without() -> None:
    """Each note but the first is right at a glance but for them."""
    base = (Path(conformance.__file__).parent / "base-1.01.xml").read_bytes()
    signed = re.sub(b"(?<=<Hash>)0", b"A" * 171 + b"=", re.sub(rb">-(?=\d)", b">", base))
    text = _numbered_on(signed).decode().replace("Não certificado", "1")
    before, end, after = text.rpartition("</References>")
    again = f"{end}<References><CreditNote><Reference>VD A/1</Reference></CreditNote></References>"
    content = f"{before}{again}{after}".encode()
    assert_alike(content)
    assert check(reading(content).records).counts["repeated_in_101"] == 1


def test_documents_without_a_form_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_of_invoices._INVOICE, "_layouts", {})
    monkeypatch.setattr(kinds, "_MOST_FORMS", 0)
    assert _spared(reading(ALIKE).records, monkeypatch) == 0
    assert_alike(ALIKE.encode())


@pytest.mark.parametrize("number", ["FTA/9", "FT A/x", "FT A-9"])
def test_a_malformed_number_without_atcud_is_found_after_good_ones(number: str) -> None:
    several = [numbered(f"{n}") for n in range(1, 6)]
    header = HEADER.replace("1.04_01", "1.03_01")
    content = document(MASTERS, sales(*several, invoice(number)), header=header).encode()
    assert_alike(content)
    assert "invoice_no" in check(reading(content).records).counts


def test_a_rate_of_another_time_is_found_in_a_line_that_was_right_before() -> None:
    several = [numbered(f"{n}") for n in range(1, 6)]
    other = invoice("FT B/1").replace("2025-03-01", "2009-06-01")
    content = document(MASTERS, sales(*several, other)).encode()
    assert_alike(content)
    assert check(reading(content).records).counts["tax_rate"] == 1


def test_a_type_that_has_ended_is_found_after_documents_of_its_time() -> None:
    sales_ = [numbered(f"{n}").replace("Type>FT", "Type>VD") for n in range(1, 7)]
    days = ["2012-12-31"] * 5 + ["2013-01-01"]
    several = [text.replace("2025-03-01", day) for text, day in zip(sales_, days, strict=True)]
    header = HEADER.replace("2025-01-01", "2012-01-01").replace("2025-12-31", "2013-12-31")
    header = header.replace("<FiscalYear>2025", "<FiscalYear>2012")
    content = document(MASTERS, sales(*several), header=header).encode()
    assert_alike(content)
    assert check(reading(content).records).counts["invoice_type_ended"] == 1


def test_a_negative_settlement_of_a_paid_document_is_found() -> None:
    before, at, after = ALIKE_WITH_MORE.rpartition("<SettlementAmount>0</SettlementAmount><Settl")
    content = f"{before}{at.replace('>0<', '>-1<')}{after}".encode()
    assert_alike(content)
    assert check(reading(content).records).counts["negative_amount"] == 1


def test_an_indicator_that_stands_twice_is_counted_in_each_document() -> None:
    twice = "<CashVATSchemeIndicator>1</CashVATSchemeIndicator>\\g<0>"
    assert_alike(re.sub("<CashVATSchemeIndicator>", twice, ALIKE).encode())


def test_texts_of_a_line_that_join_to_those_of_another_are_not_taken_for_them() -> None:
    several = [numbered(f"{n}").replace("Quantity>1<", "Quantity>12<") for n in range(1, 5)]
    several = [text.replace("UnitPrice>10.00", "UnitPrice>0.8333") for text in several]
    other = several[0].replace("Code>P1<", "Code>P11<").replace("Quantity>12<", "Quantity>2<")
    other = other.replace("FT A/1<", "FT A/5<").replace("ABCD1234-1<", "ABCD1234-5<")
    content = document(MASTERS, sales(*several, other)).encode()
    assert_alike(content)
    assert {"product", "quantity_price"} <= check(reading(content).records).counts.keys()


@pytest.mark.parametrize("numbers", [("009", "010", "011"), ("9", "010", "11"), ("0", "1", "٢")])
def test_numbers_with_zeros_before_them_follow_each_other(numbers: tuple[str, ...]) -> None:
    several = [numbered(f"{n}").replace("FT A/", "FT B/") for n in range(1, 5)]
    content = document(MASTERS, sales(*several, *map(numbered, numbers))).encode()
    assert_alike(content)
    assert "series_gap" not in check(reading(content).records).counts


def test_a_number_of_thousands_of_digits_is_looked_at_after_others() -> None:
    several = [numbered(f"{n}") for n in range(1, 6)]
    content = document(MASTERS, sales(*several, numbered("9" * 5_000))).encode()
    assert_alike(content)


def test_a_gap_between_numbers_with_zeros_before_them_is_found() -> None:
    several = [numbered(f"{n}").replace("FT A/", "FT B/") for n in range(1, 5)]
    numbers = map(numbered, ("009", "010", "012"))
    content = document(MASTERS, sales(*several, *numbers)).encode()
    assert_alike(content)
    assert check(reading(content).records).counts["series_gap"] == 1


# Of these rules only ask whether they are there: that is part of how a document is built.
ASKED_FOR = frozenset(
    (
        *("address_detail", "postal_code", "ship_to", "ship_from", "address"),
        *("document_status", "document_totals", "payment", "payment_date", "source_id"),
        "special_regimes",
    )
)


def test_rules_name_no_element_that_their_first_looks_do_not_know_of() -> None:
    tags = re.findall(r"<(\w+)>", ALIKE_WITH_ALL.partition("<Invoice>")[2])
    columns = {*COMPANY_FIELDS, *CUSTOMER_FIELDS, *INVOICE_FIELDS, *LINE_FIELDS}
    known = (
        columns | plans.SELDOM | ASKED_FOR | {plans.MOVED, plans.ORDERED, plans.BOOKED, plans.DUTY}
    )
    unread = {key for key in set(map(key_of, tags)) - known if not key.endswith(plans.ENDS)}
    assert {"delivery_date", "warehouse_id"} <= unread
    named = set().union(*map(_keys, {rule.__code__.co_filename for rule in _all_rules()}))
    assert [key for key in unread if key.endswith(tuple(named))] == []


def _all_rules() -> Iterable[Any]:
    return Checker()._begin_documents().all


def _keys(module: str) -> set[str]:
    """Keys, or how they end, that stand in a module's strings by themselves or quoted."""
    nodes = ast.walk(ast.parse(Path(module).read_text("utf-8")))
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    quoted = [part for text in texts for part in re.findall('"([^"]+)"', text)]
    named = {word for part in quoted for word in re.findall("[a-z_]{4,}", part)}
    return named | {text for text in texts if re.fullmatch("[a-z]+_[a-z_]+", text)}


@pytest.mark.parametrize(
    "base", [*BASES, *map(str.encode, (ALIKE, WITH_LINE_FEEDS, ALIKE_WITH_ALL, DISCOUNTED))]
)
def test_most_rules_are_not_asked_where_documents_are_alike(
    base: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _spared(reading(base).records, monkeypatch) > 0.5
