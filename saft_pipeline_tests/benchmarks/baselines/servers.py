"""Where a baseline finds its servers, handed over in one environment variable."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

_VARIABLE = "SAFT_BENCH_SERVERS"


@dataclass(frozen=True)
class Servers:
    """An SFTP server and the folder there, a database, and Celery's broker."""

    sftp_host: str
    sftp_port: int
    sftp_username: str
    sftp_key_path: str
    sftp_folder: str
    database_url: str
    redis_url: str = ""

    def environment(self) -> dict[str, str]:
        """What the baseline's process needs to call `given_servers`."""
        return {_VARIABLE: json.dumps(asdict(self))}


def given_servers() -> Servers:
    """What the process that started this one gave it."""
    return Servers(**json.loads(os.environ[_VARIABLE]))
