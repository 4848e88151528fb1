"""Host keys: what a known_hosts file, made by OpenSSH's own tools, says about a server."""

import subprocess
from pathlib import Path

import pytest

from saft_pipeline.sftp import trust
from saft_pipeline.sftp.errors import HostKeyError, PermanentSftpError
from saft_pipeline.sftp.host_key import HostKey
from saft_pipeline.sftp.trust import KnownKey, Trust, load_trust, parse_known_hosts

A, B = HostKey("h", "ssh-ed25519", b"key a"), HostKey("h", "ssh-ed25519", b"key b")
LINE_A, LINE_B = "ssh-ed25519 a2V5IGE=", "ssh-ed25519 a2V5IGI="
UNUSED = Path("unused")


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [("Sftp.EXAMPLE.pt", 22, "sftp.example.pt"), ("example.pt", 2222, "[example.pt]:2222")],
)
def test_a_server_is_looked_up_as_openssh_writes_it(host: str, port: int, name: str) -> None:
    assert trust.address(host, port) == name


@pytest.mark.parametrize("name", ["example.pt", "[example.pt]:2222"])
def test_hashed_names_are_found(name: str, tmp_path: Path) -> None:
    key = _real_key(tmp_path)
    path = tmp_path / "known_hosts"
    path.write_text(f"{name} {key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    assert name not in path.read_text()
    assert len(parse_known_hosts(path.read_text(), name)) == 1


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ("sftp.example.pt", True),
        ("other,SFTP.example.pt", True),
        ("*.example.pt", True),
        ("*.example.pt,!sftp.example.pt", False),
        ("[sftp.example.pt]:2222", False),
        ("sftp.example", False),
        ("|1|nonsense", False),
        ("|1|AAAA|AAAA", False),
    ],
)
def test_names_and_patterns_are_matched_as_openssh_does(patterns: str, found: bool) -> None:
    assert bool(parse_known_hosts(f"{patterns} {LINE_A}", "sftp.example.pt")) == found


def test_comments_blank_and_broken_lines_are_passed_over() -> None:
    text = f"# h {LINE_A}\n\nh\nh ssh-ed25519 !!!\nh {LINE_A} a comment\n"
    assert parse_known_hosts(text, "h") == [KnownKey("", "ssh-ed25519", A.blob)]


@pytest.mark.parametrize("key", [A, B])
def test_any_of_several_keys_of_a_type_is_trusted(key: HostKey) -> None:
    known(f"h {LINE_A}\nh {LINE_B}").check(key)


def test_an_unknown_key_is_refused_with_its_fingerprint_and_the_way_to_accept_it() -> None:
    with pytest.raises(HostKeyError, match="is not known") as caught:
        known("").check(A)
    assert f"set SFTP_HOST_KEY_FINGERPRINTS={A.fingerprint}" in str(caught.value)
    assert caught.value.key.known_hosts_line == f"h {LINE_A}"
    assert not caught.value.changed


def test_a_changed_key_is_refused_loudly() -> None:
    with pytest.raises(HostKeyError, match="IS NOT THE ONE EXPECTED") as caught:
        known(f"h {LINE_A}").check(B)
    assert caught.value.changed


def test_a_revoked_key_is_refused_even_if_it_is_also_known() -> None:
    with pytest.raises(HostKeyError, match="revoked") as caught:
        known(f"h {LINE_A}\n@revoked * {LINE_A}").check(A)
    assert caught.value.revoked


def test_a_certificate_authority_is_refused_by_name() -> None:
    with pytest.raises(HostKeyError, match="@cert-authority, which isn't supported"):
        known(f"@cert-authority * {LINE_A}").check(A)


def test_one_of_several_pins_is_enough() -> None:
    pins = [B.fingerprint, f" {A.fingerprint}= "]
    load_trust("h", 22, pins, None, UNUSED).check(A)


@pytest.mark.parametrize(
    "pin", ["", "other", "MD5:16:27:ac", "SHA256:short", f"256 {A.fingerprint} server (ED25519)"]
)
def test_a_pin_that_is_no_fingerprint_is_named_with_how_to_get_one(pin: str) -> None:
    with pytest.raises(PermanentSftpError, match=r"SFTP_HOST_KEY_FINGERPRINTS.*ssh-keygen"):
        load_trust("h", 22, [pin], None, UNUSED)


def test_a_key_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(HostKeyError, match="IS NOT THE ONE EXPECTED"):
        load_trust("h", 22, [A.fingerprint], None, UNUSED).check(B)


def test_with_neither_setting_the_users_own_file_counts(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"h {LINE_A}\n")
    load_trust("h", 22, [], None, tmp_path / "known_hosts").check(A)


def test_the_users_own_file_does_not_count_beside_pins(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"h {LINE_A}\n")
    pinned = load_trust("h", 22, [B.fingerprint], None, tmp_path / "known_hosts")
    with pytest.raises(HostKeyError):
        pinned.check(A)


def test_the_users_own_file_may_be_missing(tmp_path: Path) -> None:
    assert not load_trust("h", 22, [], None, tmp_path / "missing").keys


def test_a_named_file_that_is_missing_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(PermanentSftpError, match=r"missing isn't there.*SFTP_KNOWN_HOSTS_PATH"):
        load_trust("h", 22, [], tmp_path / "missing", UNUSED)


def known(text: str) -> Trust:
    return Trust("h", parse_known_hosts(text, "h"), frozenset(), None)


def _real_key(folder: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")]
    subprocess.run(command, check=True)
    return (folder / "key.pub").read_text().strip()
