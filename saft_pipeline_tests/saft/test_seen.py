"""Keys seen before, told from new ones in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.saft import seen as of_seen
from saft_pipeline.saft.seen import SeenKeys

# Series in and out of their order, with gaps, with zeros before the number, and keys without one.
KEYS = st.one_of(
    st.builds("FT A/{}".format, st.integers(0, 30)),
    st.builds("C{:03}".format, st.integers(0, 30)),
    st.builds(str, st.integers(0, 30)),
    st.text(max_size=2),
    st.just("9" * 30),
)


@pytest.fixture(params=[0, 5, 10_000], ids=["none", "five", "all"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many keys are kept as they are, before they are kept in little memory."""
    monkeypatch.setattr(of_seen, "_FEW", request.param)
    monkeypatch.setattr(of_seen, "_MOST_PARTS", 3)
    return int(request.param)


@pytest.mark.usefixtures("few")
def test_answers_as_a_dict_would() -> None:
    @given(st.lists(st.tuples(KEYS, st.integers(0, 3))))
    def answers(pairs: list[tuple[str, int]]) -> None:
        known: dict[str, tuple[int]] = {}
        keys = SeenKeys("q")
        for key, beside in pairs:
            assert keys.add(key, beside) == known.get(key)
            known.setdefault(key, (beside,))
        assert {key: keys.get(key) for key, _ in pairs} == known
        assert keys.get("unseen/7") is None

    answers()


def test_nothing_of_another_is_noted_if_one_key_was_there() -> None:
    keys, more, again = SeenKeys("q"), SeenKeys("q"), SeenKeys("q")
    keys.add("FT A/1", 1)
    more.add("FT A/2", 2)
    again.add("FT A/3", 3)
    again.add("FT A/2", 2)
    assert keys.add_all(more)
    assert not keys.add_all(again)
    assert (keys.get("FT A/2"), keys.get("FT A/3")) == ((2,), None)


def _shuffled(count: int) -> Iterator[str]:
    return (f"NIF {n * 7919 % count}" for n in range(count))


def test_growing_forgets_nothing() -> None:
    keys = SeenKeys("q")
    count = 3 * of_seen._FEW
    every = list(chain((f"FT A/{n}" for n in range(count)), _shuffled(count)))
    assert all(keys.add(key, n) is None for n, key in enumerate(every))
    assert all(keys.add(key, 0) == (n,) for n, key in enumerate(every))


def test_beyond_the_most_keys_the_rest_is_counted() -> None:
    keys = SeenKeys(most=of_seen._FEW)
    for key in _shuffled(7 * of_seen._FEW):
        keys.add(key)
    assert keys.left_out > 0
