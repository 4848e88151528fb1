"""Whom to trust: known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") and pinned keys."""

import base64
import binascii
import fnmatch
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from saft_pipeline.sftp.errors import HostKeyError, PermanentSftpError
from saft_pipeline.sftp.host_key import HostKey

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class KnownKey(NamedTuple):
    """A line of known_hosts about our server; `marker` is `@revoked` and the like, or empty."""

    marker: str
    kind: str
    blob: bytes


@dataclass(frozen=True)
class Trust:
    """What is known of the server `address`; `source` is the file that it was looked for in."""

    address: str
    keys: Sequence[KnownKey]
    pins: frozenset[str]
    source: Path | None

    @property
    def kinds(self) -> list[str]:
        """The kinds of key by which the server is known, to be asked for before others."""
        return list(dict.fromkeys(key.kind for key in self.keys if not key.marker))

    def check(self, shown: HostKey) -> None:
        """Return if the key is trusted. Raises HostKeyError."""
        if any(key.marker == "@revoked" and key.blob == shown.blob for key in self.keys):
            raise self._error(shown, "is revoked there: someone may pose as it", revoked=True)
        known = any(key.blob == shown.blob for key in self.keys if not key.marker)
        if not known and shown.fingerprint not in self.pins:
            raise self._error(shown, self._reason())

    def _reason(self) -> str:
        if self.kinds or self.pins:
            return "IS NOT THE ONE EXPECTED: someone may pose as it"
        if any(key.marker == "@cert-authority" for key in self.keys):
            return "is known only through @cert-authority, which isn't supported"
        return "is not known"

    def _error(self, shown: HostKey, what: str, *, revoked: bool = False) -> HostKeyError:
        where = f" (looked for in {self.source})" if self.source else ""
        cure = f"; ask who runs the server for its fingerprint: {self._cure(shown)}"
        return HostKeyError(
            f"the host key of {self.address}, {shown.kind} {shown.fingerprint}, {what}{where}; "
            f"nothing was sent to it{'' if revoked else cure}",
            key=shown,
            changed=bool(self.kinds or self.pins),
            revoked=revoked,
        )

    def _cure(self, shown: HostKey) -> str:
        into = self.source or "a file and set SFTP_KNOWN_HOSTS_PATH to it"
        return (
            f"only if it is this one, set SFTP_HOST_KEY_FINGERPRINTS={shown.fingerprint}, or put "
            f"this line into {into}: {shown.known_hosts_line}"
        )


def load_trust(
    host: str, port: int, pins: Iterable[str], known_hosts: Path | None, default: Path
) -> Trust:
    """Collect what is known of a server: the pins, and `known_hosts`, or `default` with neither.

    Raises PermanentSftpError if a file that was named can't be read (`default` may be missing), or
    if a pin is no fingerprint.
    """
    pinned = frozenset(map(_pin, pins))
    source = known_hosts or (None if pinned else default)
    name = address(host, port)
    text = _read(source, named=known_hosts is not None) if source else ""
    return Trust(name, parse_known_hosts(text, name), pinned, source)


def _pin(text: str) -> str:
    pin = text.strip().rstrip("=")
    if not _FINGERPRINT.fullmatch(pin):
        raise PermanentSftpError(
            f"SFTP_HOST_KEY_FINGERPRINTS holds {text!r}, which is no fingerprint: it must be "
            "SHA256: and 43 characters, as `ssh-keygen -l -f KEY` shows it"
        )
    return pin


def address(host: str, port: int) -> str:
    """Give the name under which known_hosts files know a server."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def parse_known_hosts(text: str, name: str) -> list[KnownKey]:
    """Give all keys that the file holds for the server `name`; other lines are passed over."""
    keys = []
    for line in text.splitlines():
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or not _matches(fields[0], name):
            continue
        try:
            keys.append(KnownKey(marker, fields[1], base64.b64decode(fields[2], validate=True)))
        except binascii.Error:
            continue
    return keys


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|"):
        return _matches_hash(patterns, name)
    names = patterns.lower().split(",")
    refused = any(_fits(name, pattern[1:]) for pattern in names if pattern.startswith("!"))
    return not refused and any(_fits(name, pattern) for pattern in names)


def _fits(name: str, pattern: str) -> bool:
    """Match `*` and `?` only: brackets stand around the host, as in `[host]:2222`."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _matches_hash(field: str, name: str) -> bool:
    try:
        _, version, salt, digest = field.split("|")
        expected = hmac.digest(base64.b64decode(salt), name.encode(), "sha1")
        return version == "1" and hmac.compare_digest(expected, base64.b64decode(digest))
    except (ValueError, binascii.Error):
        return False


def _read(path: Path, *, named: bool) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if not named:
            return ""
        raise PermanentSftpError(
            f"the file of known hosts {path} isn't there: correct SFTP_KNOWN_HOSTS_PATH, or set "
            "SFTP_HOST_KEY_FINGERPRINTS instead"
        ) from None
    except OSError as error:
        raise PermanentSftpError(
            f"the file of known hosts {path} can't be read: {error.strerror}"
        ) from error
