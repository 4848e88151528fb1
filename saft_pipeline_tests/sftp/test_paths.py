"""Names: text and bytes are exact inverses, and what is left alone."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saft_pipeline.sftp import paths
from saft_pipeline.sftp.errors import PermanentSftpError


@given(st.binary())
@example(b"\\xff\xff\\")
def test_raw_path_undoes_text_path(raw: bytes) -> None:
    assert paths.raw_path(paths.text_path(raw)) == raw


@given(st.text(st.sampled_from("\\xf9é/a0")))
def test_text_path_undoes_raw_path_of_every_text_that_it_takes(text: str) -> None:
    try:
        raw = paths.raw_path(text)
    except ValueError:
        return
    assert paths.text_path(raw) == text


def test_a_byte_that_is_not_utf8_stands_as_an_escape_and_a_backslash_doubled() -> None:
    assert paths.text_path(b"Caf\xe9\\\xc3\xa9.xml") == r"Caf\xe9\\é.xml"


@pytest.mark.parametrize("text", [r"a\b", r"\xZZ", r"\x41", "\\", "\udce9"])
def test_a_text_that_no_path_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|surrogates"):
        paths.raw_path(text)


@pytest.mark.parametrize("name", [b".a.xml", b"a.xml.PART", b"a.tmp", b"a.xml.filepart"])
def test_hidden_and_unfinished_names_are_left_alone(name: bytes) -> None:
    assert paths.is_left_alone(name)


def test_an_undecodable_byte_of_a_setting_reaches_the_wire_unchanged() -> None:
    assert paths.setting_path(b"in\xe9".decode("utf-8", "surrogateescape")) == b"in\xe9"


@pytest.mark.parametrize("name", [b"A.XML", b"a.xml", b"\xe9.Xml", b"a\nb.xml", b"-rf.xml"])
def test_the_pattern_takes_upper_and_lower_case_and_odd_names(name: bytes) -> None:
    text = name.decode("utf-8", "surrogateescape")
    assert paths.name_pattern("*.xml").match(text)


def test_the_pattern_takes_whole_names_only() -> None:
    assert not paths.name_pattern("*.xml").match("a.xml.gz")


def test_a_nul_stands_as_an_escape() -> None:
    assert paths.text_path(b"a\0b") == r"a\x00b"


@pytest.mark.parametrize("path", [b"a.xml", b"sub/a.xml", b"..a", b"-", b"a\\..\\b"])
def test_a_path_in_the_folder_is_joined_to_it(path: bytes) -> None:
    assert paths.below(b"/in", path) == b"/in/" + path


@pytest.mark.parametrize("path", [b"", b"..", b"../a", b"a/../../b", b"/a", b"a//b", b"a\0b"])
def test_a_path_out_of_the_folder_is_refused(path: bytes) -> None:
    with pytest.raises(PermanentSftpError):
        paths.below(b"/in", path)


@pytest.mark.parametrize(
    ("root", "folder", "way"),
    [
        (b"/in", b"/in/a/b", [b"/in/a", b"/in/a/b"]),
        (b"/in", b"/input/a", [b"/input", b"/input/a"]),
        (b"/in/sub", b"/in/a", [b"/in/a"]),
        (b".", b"./a", [b"./a"]),
        (b"in", b"/a", [b"/a"]),
    ],
)
def test_the_way_to_a_folder_leaves_out_what_must_be_there(
    root: bytes, folder: bytes, way: list[bytes]
) -> None:
    assert paths.way(root, folder) == way
