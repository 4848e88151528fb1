"""The same invoices in several files: one outcome, whatever the order of loading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saft_pipeline.saft.records import Invoice
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.postgres import empty
from saft_pipeline_tests.store.building import File, at, customer, invoice, load, observe
from saft_pipeline_tests.store.looking import rows

DATES = (None, "2025-07-01T09:00:00", "2025-07-02T10:00:00")
NUMBERS = ("FT 1/1", "FT 1/2", "FT 1/3")


@dataclass(frozen=True)
class Said:
    """What one file says of one invoice."""

    number: str
    status: str
    status_date: str | None
    lines: int

    @property
    def invoice(self) -> Invoice:
        status = {"invoice_status": self.status, "invoice_status_date": self.status_date}
        return invoice(self.number, self.lines, values=status)

    @property
    def rank(self) -> tuple[str, bool]:
        return self.status_date or "", self.status == "A"


said = st.builds(
    Said,
    st.sampled_from(NUMBERS),
    st.sampled_from("NAF"),
    st.sampled_from(DATES),
    st.integers(1, 3),
)


@dataclass(frozen=True)
class Told:
    """What one file says of all."""

    said: tuple[Said, ...]
    minute: int
    company_name: str
    city: str
    created: date | None

    def file(self, place: int) -> File:
        return File(
            f"{place}.xml",
            tuple(s.invoice for s in self.said),
            (customer(city=self.city),),
            at(self.minute),
            company_name=self.company_name,
            date_created=self.created,
            bytes_=str(place),
        )


told = st.builds(
    Told,
    st.lists(said, max_size=3, unique_by=lambda s: s.number).map(tuple),
    st.integers(0, 2),
    st.sampled_from(["Antiga, Lda", "Nova, Lda"]),
    st.sampled_from(["Porto", "Faro"]),
    st.sampled_from([None, date(2025, 7, 1), date(2025, 8, 1)]),
)
# Each file's place in the order of loading, and whether it is loaded along with the one before.
orders = st.permutations(range(4)).flatmap(
    lambda order: st.tuples(st.just(order), st.lists(st.booleans(), min_size=4, max_size=4))
)


@given(contents=st.lists(told, min_size=2, max_size=4), order=orders)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_order_of_loading_does_not_matter(
    store: Store, url: str, contents: list[Told], order: tuple[list[int], list[bool]]
) -> None:
    empty(url)
    files = [content.file(place) for place, content in enumerate(contents)]
    ids = {f.path: row.id for f, row in zip(files, observe(store, *files), strict=True)}
    for group in _groups([files[n] for n in order[0] if n < len(files)], order[1]):
        assert {o.status for o in load(store, *group)} == {"loaded"}

    invoices = "select invoice_no, invoice_status, invoice_status_date::text, count(line_number) "
    invoices += "from invoices join invoice_lines on invoice_id = id group by id order by 1"
    assert rows(url, invoices) == [
        (s.number, s.status, s.status_date and s.status_date.replace("T", " "), s.lines)
        for number in NUMBERS
        if (s := _winner(number, contents, ids))
    ]
    masters = "select companies.company_name, customers.city from companies join customers "
    last = max(zip(contents, ids.values(), strict=True), key=_created)[0]
    assert rows(url, masters + "using (company_id)") == [(last.company_name, last.city)]


def _groups(files: list[File], joined: list[bool]) -> list[list[File]]:
    groups: list[list[File]] = []
    for file, with_previous in zip(files, joined, strict=False):
        if groups and with_previous:
            groups[-1].append(file)
        else:
            groups.append([file])
    return groups


def _winner(number: str, contents: list[Told], ids: dict[str, int]) -> Said | None:
    """The last in the contract's order of those that speak of an invoice."""
    ranked = [
        ((s.rank, content.minute, ledger_id), s)
        for content, ledger_id in zip(contents, ids.values(), strict=True)
        for s in content.said
        if s.number == number
    ]
    return max(ranked, key=lambda r: r[0])[1] if ranked else None


def _created(pair: tuple[Told, int]) -> tuple[date, int, int]:
    content, ledger_id = pair
    return content.created or date.min, content.minute, ledger_id


def test_a_renamed_copy_does_not_change_what_won(store: Store, url: str) -> None:
    """Its bytes were first seen when the first of the two was."""
    first = File("a.xml", (invoice("FT 1/1", 1),), (), at(1))
    later = File("b.xml", (invoice("FT 1/1", 2),), (), at(2))
    load(store, first)
    load(store, later)
    load(store, replace(first, path="c.xml", modified_at=at(3)))
    assert rows(url, "select line_count from invoices") == [(2,)]
