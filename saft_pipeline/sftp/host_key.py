"""The key that a server shows, and the forms in which people compare and keep it."""

import base64
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class HostKey:
    """A server's public key; `address` is the name under which known_hosts files know the server.

    `kind` is `ssh-ed25519` and the like, `blob` the key as on the wire (RFC 4253, 6.6).
    """

    address: str
    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The fingerprint as OpenSSH shows it: `SHA256:…`."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def known_hosts_line(self) -> str:
        """The line that makes a known_hosts file trust it, without a line's end."""
        return f"{self.address} {self.kind} {base64.b64encode(self.blob).decode()}"
