"""A bound on the waits of paramiko that have none of their own, while a connection is made.

The seconds are `sftp_timeout_seconds` of the settings; once it stands, `session` waits by them.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

import paramiko

from saft_pipeline.sftp.errors import SftpError, TransientSftpError
from saft_pipeline.sftp.model import SftpConfig


class Deadline:
    """By when a connection must stand: the timeout's seconds are for all of its steps together."""

    def __init__(self, config: SftpConfig) -> None:
        self._config = config
        self._due = time.monotonic() + config.timeout

    @property
    def left(self) -> float:
        """The seconds that are left, never quite none."""
        return max(0.01, self._due - time.monotonic())

    @contextlib.contextmanager
    def bound(self, transport: paramiko.Transport, to_what: str) -> Iterator[None]:
        """Close the transport if the block goes on past the deadline.

        Every wait on it then ends, and whatever error it ends with becomes a TransientSftpError.
        """
        passed = threading.Event()

        def end() -> None:
            passed.set()
            transport.close()

        timer = threading.Timer(self.left, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (SftpError, paramiko.SSHException, EOFError, OSError) as error:
            if passed.is_set():
                raise TransientSftpError(self.silence(to_what)) from error
            raise
        finally:
            timer.cancel()

    def silence(self, to_what: str) -> str:
        """Say that the server didn't answer in time."""
        return (
            f"{self._config.peer} gave no answer {to_what} within {self._config.timeout:g} s "
            "(SFTP_TIMEOUT_SECONDS): it may be busy, or something on the way drops what is sent"
        )
