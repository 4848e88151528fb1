"""A bound on the waits of paramiko that have none of their own."""

import contextlib
import threading
from collections.abc import Iterator

import paramiko

from saft_pipeline.sftp.errors import SftpError, TransientSftpError
from saft_pipeline.sftp.model import SftpConfig


@contextlib.contextmanager
def deadline(transport: paramiko.Transport, config: SftpConfig, to_what: str) -> Iterator[None]:
    """Close the transport if the block lasts longer than the timeout.

    Every wait on it then ends, and whatever error it ends with becomes a TransientSftpError.
    """
    passed = threading.Event()

    def end() -> None:
        passed.set()
        transport.close()

    timer = threading.Timer(config.timeout, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (SftpError, paramiko.SSHException, EOFError, OSError) as error:
        if passed.is_set():
            raise TransientSftpError(silence(config, to_what)) from error
        raise
    finally:
        timer.cancel()


def silence(config: SftpConfig, to_what: str) -> str:
    """Say that the server didn't answer in time."""
    return (
        f"{config.peer} gave no answer {to_what} within {config.timeout:g} s "
        "(SFTP_TIMEOUT_SECONDS): it may be busy, or something on the way drops what is sent"
    )
