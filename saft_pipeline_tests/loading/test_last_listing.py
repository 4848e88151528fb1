"""What a listing has to tell the ledger, after the one before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.loading.last_listing import WHOLE_EVERY, LastListing
from saft_pipeline.sftp.model import Listing, ListingProblem, RemoteFile, RemoteFiles


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def of(**files: int) -> Listing:
    return Listing(
        RemoteFiles(RemoteFile(name.encode(), size, 1) for name, size in files.items()), []
    )


def told(last: LastListing, listing: Listing) -> tuple[list[str], bool]:
    files, whole = last.news(listing)
    return [file.text for file in (listing.files if whole else files)], whole


def test_the_first_listing_is_told_whole() -> None:
    assert told(LastListing(), of(a=1, b=1)) == (["a", "b"], True)


def test_what_is_the_same_is_not_told_again() -> None:
    last = LastListing()
    last.news(of(a=1, b=1))
    assert told(last, of(a=1, b=1)) == ([], False)


def test_what_changed_is_told_until_the_whole_is_compared() -> None:
    clock = Clock()
    last = LastListing(clock)
    last.news(of(a=1, b=1))
    assert told(last, of(a=1, b=2, c=1)) == (["b", "c"], False)
    assert told(last, of(a=1, b=2, c=1)) == (["b", "c"], False)
    clock.now = WHOLE_EVERY
    assert told(last, of(a=1, b=2, c=1)) == (["a", "b", "c"], True)


def test_what_the_ledger_passed_over_in_a_whole_comparison_is_told_again() -> None:
    last = LastListing()
    last.news(of(a=1, b=1, c=1))
    last.tell_again([b"b", b"gone"])
    assert told(last, of(a=1, b=1, c=1)) == (["b"], False)
    last.news(of(a=1, b=1))
    assert told(last, of(a=1, b=1)) == ([], False)


def test_where_a_file_vanished_the_whole_is_compared() -> None:
    last = LastListing()
    last.news(of(a=1, b=1))
    assert told(last, of(a=1, c=1)) == (["a", "c"], True)


def test_what_did_not_reach_the_ledger_is_told_again() -> None:
    last = LastListing()
    last.news(of(a=1))
    last.forget()
    assert told(last, of(a=1)) == (["a"], True)


def test_a_listing_that_broke_off_takes_nothing_for_vanished() -> None:
    last = LastListing()
    last.news(of(a=1, b=1))
    broken = Listing(of(a=1, c=1).files, [ListingProblem(b"x", "broke off", folder=True)])
    assert told(last, broken) == (["c"], False)


names = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3))


@given(st.lists(names, min_size=1, max_size=6))
def test_a_ledger_that_is_told_the_news_knows_what_there_is(listings: list[dict[str, int]]) -> None:
    last, ledger = LastListing(), dict[str, int]()
    for files in listings:
        listing = of(**files)
        news, whole = last.news(listing)
        if whole:
            news = listing.files[:]
            ledger.clear()
        ledger |= {file.text: file.size for file in news}
        assert ledger == files


def test_a_comparison_that_was_broken_off_goes_on_with_the_news_of_what_lies_before() -> None:
    last = LastListing()
    last.news(of(a=1, b=1))
    last.reached = "a"
    assert [f.text for f in last.news(of(a=2, b=1))[0]] == ["a"]
    assert last.news(of(a=2, b=1))[1]
    last.reached = None
    assert not last.news(of(a=2, b=1))[1]
