"""Keys seen before, told from new ones in little memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.saft.fingerprints import Fingerprints


@given(st.lists(st.tuples(st.text(max_size=2), st.integers(0, 3))))
def test_answers_as_a_dict_would(pairs: list[tuple[str, int]]) -> None:
    seen: dict[str, int] = {}
    prints = Fingerprints()
    for key, content in pairs:
        expected = None if key not in seen else seen[key] == content
        assert prints.add(key, content) == expected
        seen.setdefault(key, content)


def test_growing_forgets_nothing() -> None:
    prints = Fingerprints()
    keys = [f"FT A/{n}" for n in range(5000)]
    assert all(prints.add(key, n) is None for n, key in enumerate(keys))
    assert all(prints.add(key, n) is True for n, key in enumerate(keys))
