"""The connections of this process, which end at once when it is told to end."""

import weakref
from collections.abc import Callable

from saft_pipeline.sftp.errors import TransientSftpError
from saft_pipeline.sftp.transport import SshTransport


class OpenConnections:
    """Those that stand or are being made."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[SshTransport] = weakref.WeakSet()
        self._ended = False
        self._aborts = 0

    def add(self, transport: SshTransport) -> None:
        """Note one before anything is waited for. Raises TransientSftpError if all have ended."""
        if self._ended:
            raise TransientSftpError("no connection is made any more: this process is ending")
        self._open.add(transport)

    def abort(self) -> None:
        """End them, so that whoever waits for a server waits no longer; none is made anew."""
        self._aborts += 1
        for transport in list(self._open):
            transport.aborted = True
            transport.close()

    def may_pass(self) -> Callable[[Exception], bool]:
        """Tells which errors are worth another try: transient ones that don't come of an end."""
        before = self._aborts
        return lambda error: isinstance(error, TransientSftpError) and self._aborts == before

    def end(self) -> None:
        """End them, and let nobody begin another."""
        self._ended = True
        self.abort()


OPEN_CONNECTIONS = OpenConnections()
