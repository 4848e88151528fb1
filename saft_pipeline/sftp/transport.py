"""paramiko's transport, where strict servers and honest errors need it otherwise."""

import threading
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler, AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST

TOO_MANY_CONNECTIONS = 12
"""The reason of a disconnect (RFC 4253, 11.1)."""
_KINDS = {
    "key exchange": "kex_algo_list",
    "cipher": "server_encrypt_algo_list",
    "MAC": "server_mac_algo_list",
}

# What the two ends tell each other in the list of key exchanges beside these.
_NO_ALGORITHMS = ("kex-strict-", "ext-info-")


class _AuthHandler(AuthOnlyHandler):
    """Makes the event that waits for the answer before it asks: an answer may come at once."""

    def send_auth_request(
        self,
        username: str,
        method: str,
        finish_message: Callable[[paramiko.Message], None] | None = None,
    ) -> Any:
        """Ask, and wait for the answer."""
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for text in (username, "ssh-connection", method):
            message.add_string(text)
        if finish_message:
            finish_message(message)
        self.username, self.auth_method = username, method
        self.auth_event = answered = threading.Event()
        transport = self.transport
        assert isinstance(transport, SshTransport)
        transport.send_now(message)
        return self.wait_for_response(answered)


class SshTransport(paramiko.ServiceRequestingTransport):  # type: ignore[name-defined,misc]
    """Asks for the service of logging in once, as strict servers want it.

    `aborted`: we ended it, as this process ends; `disconnected` is the reason that the server gave
    for ending the connection, and its words; `offers` are the names of the algorithms that it has.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._may_log_in = threading.Event()
        self.aborted = False
        self.disconnected: tuple[int, str] | None = None
        self.offers: dict[str, list[str]] = {}
        self._read_line = self.packetizer.readline
        self.packetizer.readline = self._readline

    def _readline(self, timeout: float) -> str:
        """Read a line of the greeting, which may be in any encoding."""
        try:
            return str(self._read_line(timeout))
        except UnicodeDecodeError as error:
            return error.object.decode("latin-1")

    def send_now(self, message: paramiko.Message) -> None:
        """Send a message beside those of the transport's thread."""
        with self.lock:
            self._send_message(message)

    def ensure_session(self) -> None:
        """Ask for the service, once; the wait ends with the connection, as paramiko's doesn't."""
        if not self._may_log_in.is_set():
            message = paramiko.Message()
            message.add_byte(cMSG_SERVICE_REQUEST)
            message.add_string("ssh-userauth")
            self.send_now(message)
            while self.is_active() and not self._may_log_in.wait(0.1):
                pass
            self.auth_handler: AuthHandler | None = _AuthHandler(self)

    def _parse_service_accept(self, message: paramiko.Message) -> None:
        super()._parse_service_accept(message)
        self._may_log_in.set()

    def _parse_disconnect(self, message: paramiko.Message) -> None:
        code, words = message.get_int(), message.get_string().decode("utf-8", "replace")
        self.disconnected = (code, words)

    def _really_parse_kex_init(self, message: paramiko.Message, **more: Any) -> dict[str, Any]:
        parsed: dict[str, Any] = super()._really_parse_kex_init(message, **more)
        self.offers = {
            kind: [name for name in parsed[field] if not name.startswith(_NO_ALGORITHMS)]
            for kind, field in _KINDS.items()
        }
        return parsed
