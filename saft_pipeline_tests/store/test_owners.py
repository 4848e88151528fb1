"""Who named a claim so: this process, one that has ended, or one of which nothing is known."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from saft_pipeline.store.owners import is_left, new_owner, process_name


def test_a_claim_of_a_process_that_lives_is_not_left() -> None:
    assert not is_left(new_owner(of_this=True))


@pytest.mark.parametrize("part", ["", "-3"])
def test_a_claim_or_a_part_of_one_whose_process_has_ended_is_left(part: str) -> None:
    assert is_left(f"{new_owner()}-{process_name(os.getpid())}0{part}")


_HIDDEN = """
import ctypes, os, subprocess, sys
from saft_pipeline.store.owners import is_left
subprocess.run(["mount", "-t", "proc", "-o", f"hidepid={sys.argv[2]}", "proc", "/proc"], check=True)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # it may look at itself, as one that began as that user
print(is_left(sys.argv[1]))
"""


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None,
    reason="only root may mount a /proc of its own, with unshare (Debian: util-linux)",
)
@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_of_a_process_that_another_user_may_not_see_nothing_is_known(hidepid: str) -> None:
    apart = ["unshare", "-m"]
    mount = subprocess.run([*apart, "mount", "-t", "proc", "proc", "/proc"], check=False)
    if mount.returncode:
        pytest.skip("this container lets nobody mount /proc, not even root")
    command = [*apart, sys.executable, "-c", _HIDDEN, new_owner(of_this=True), hidepid]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("owner", ["claim-0123456789ab", "run-1", "claim-1-another:1/2@3", ""])
def test_of_others_nothing_is_known(owner: str) -> None:
    assert not is_left(owner)


def test_a_process_whose_name_is_cut_off_amid_a_letter_is_known() -> None:
    renamed = (
        "import ctypes; ctypes.CDLL(None).prctl(15, b'fatura\\xc3'); print(flush=True); input()"
    )
    command = [sys.executable, "-c", renamed]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        process.stdout.readline()
        assert f"/{process.pid}@" in process_name(process.pid)
        process.communicate(b"\n")
