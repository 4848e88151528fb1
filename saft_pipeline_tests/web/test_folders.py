"""Which local paths a client may name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saft_pipeline.web.errors import ApiError
from saft_pipeline.web.folders import find


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder that may be read, beside one that may not."""
    inbox = tmp_path / "inbox"
    (inbox / "sub").mkdir(parents=True)
    (inbox / "a.xml").write_text("a")
    (inbox / "sub" / "b.xml").write_text("b")
    (tmp_path / "outside.xml").write_text("secret")
    (inbox / "out.xml").symlink_to(tmp_path / "outside.xml")
    (inbox / "up").symlink_to(tmp_path)
    (inbox / "dangling.xml").symlink_to(tmp_path / "nothing")
    (inbox / "loop.xml").symlink_to(inbox / "loop.xml")
    (inbox / "in.xml").symlink_to(inbox / "a.xml")
    os.mkfifo(inbox / "pipe.xml")
    return inbox


def refusal(given: str, inbox: Path) -> str:
    with pytest.raises(ApiError) as caught:
        find(given, [inbox])
    return caught.value.code


@pytest.mark.parametrize("given", ["a.xml", "sub/b.xml", "./a.xml"])
def test_a_file_is_found_below_the_folder(inbox: Path, given: str) -> None:
    assert find(given, [inbox]) == (inbox / given).resolve()


def test_an_absolute_path_below_the_folder_is_good(inbox: Path) -> None:
    assert find(str(inbox / "a.xml"), [inbox]) == inbox / "a.xml"


def test_a_link_that_stays_inside_is_followed(inbox: Path) -> None:
    assert find("in.xml", [inbox]) == inbox / "a.xml"


def test_each_folder_is_looked_in(inbox: Path, tmp_path: Path) -> None:
    assert find("b.xml", [inbox, inbox / "sub"]) == inbox / "sub" / "b.xml"


@pytest.mark.parametrize(
    "given", ["../outside.xml", "sub/../../outside.xml", "/inbox/../etc/passwd", "a\0.xml", ".."]
)
def test_dots_and_null_are_refused_unseen(inbox: Path, given: str) -> None:
    assert refusal(given, inbox) == "bad_path"


@pytest.mark.parametrize("given", ["out.xml", "up/outside.xml"])
def test_a_link_that_leads_out_is_refused(inbox: Path, given: str) -> None:
    assert refusal(given, inbox) == "not_allowed"


def test_outside_nobody_learns_what_is_there(inbox: Path, tmp_path: Path) -> None:
    there, missing = str(tmp_path / "outside.xml"), str(tmp_path / "missing.xml")
    assert refusal(there, inbox) == refusal(missing, inbox) == "not_allowed"


@pytest.mark.parametrize("given", ["c.xml", "dangling.xml", "loop.xml"])
def test_what_is_not_there_is_not_found(inbox: Path, given: str) -> None:
    assert refusal(given, inbox) == "no_such_file"


@pytest.mark.parametrize("given", ["sub", "pipe.xml", "."])
def test_only_regular_files_are_taken(inbox: Path, given: str) -> None:
    assert refusal(given, inbox) == "bad_path"
