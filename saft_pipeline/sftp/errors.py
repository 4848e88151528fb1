"""What can go wrong with the server, told apart by whether trying again can help."""

from saft_pipeline.sftp.host_key import HostKey


class SftpError(Exception):
    """A fault of the server or on the way to it; the message says what, and the cure."""


class TransientSftpError(SftpError):
    """May pass by itself: a timeout, a lost or refused connection, a busy server."""


class ServerAdaptedError(TransientSftpError):
    """The server showed a quirk that spoils this connection: another must be made, knowing it."""


class TooSlowError(TransientSftpError):
    """The server gives so little that nothing would come of waiting for it."""


class TooManyConnectionsError(TransientSftpError):
    """The server allows no further connection now, of this user or of all."""


class PermanentSftpError(SftpError):
    """Stays until someone changes something: login, rights, a missing folder, algorithms."""


class LoginRefusedError(PermanentSftpError):
    """The server took neither the password nor the key: asking again may lock the account."""


class HostKeyError(PermanentSftpError):
    """The server's key isn't one that we trust; nothing was sent to it, no password either.

    `key` is the one that it showed; `changed` is true if other keys are known for it, `revoked` if
    this one must never be accepted.
    """

    def __init__(self, message: str, *, key: HostKey, changed: bool, revoked: bool = False) -> None:
        super().__init__(message)
        self.key = key
        self.changed = changed
        self.revoked = revoked


class FileChanged(SftpError):  # noqa: N818  # names what happened to the file, not a fault
    """The file is no longer the one that was loaded, so it was neither moved nor deleted."""


class FileGone(FileChanged):
    """The file isn't there any more: moved or deleted before, by us or by another."""


class FileStays(PermanentSftpError):  # noqa: N818  # as above
    """The server says that it moved or deleted the file, and there it is."""
