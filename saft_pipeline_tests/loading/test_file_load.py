"""Files are cut into groups, each of which shares one fetch and one publish."""

from __future__ import annotations

from saft_pipeline.loading.file_load import FIRST_GROUP_FILES, GROUP_BYTES, GROUP_FILES, groups
from saft_pipeline_tests.fixtures.project import ledger_file


def sizes(*of: int) -> list[list[int]]:
    """The sizes of files of such sizes, as they are grouped."""
    files = [ledger_file(f"{number}.xml", size) for number, size in enumerate(of)]
    return [[file.size for file in group] for group in groups(files)]


def test_no_files_make_no_group() -> None:
    assert sizes() == []


def test_a_group_has_no_more_files_than_one_publish_should() -> None:
    counts = [len(group) for group in sizes(*[1] * (3 * GROUP_FILES))]
    assert max(counts) == GROUP_FILES
    assert sum(counts) == 3 * GROUP_FILES


def test_groups_grow_from_one_that_all_stages_have_soon() -> None:
    counts = [len(group) for group in sizes(*[1] * GROUP_FILES)]
    assert counts[:2] == [FIRST_GROUP_FILES, 2 * FIRST_GROUP_FILES]


def test_a_group_has_no_more_bytes_than_memory_should() -> None:
    part = GROUP_BYTES // 2
    assert sizes(part, part, 1) == [[part, part], [1]]


def test_a_file_larger_than_a_group_is_one() -> None:
    assert sizes(1, GROUP_BYTES + 1, 1) == [[1], [GROUP_BYTES + 1], [1]]
