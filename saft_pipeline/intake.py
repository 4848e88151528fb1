"""Files of this machine on their way into the ledger: what a folder's file is known as there."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from saft_pipeline.saft.filename import branch_of
from saft_pipeline.sftp.paths import text_path
from saft_pipeline.sources import LOCAL
from saft_pipeline.store.model import LedgerFile, Seen
from saft_pipeline.store.store import Store


def enter(store: Store, path: Path) -> LedgerFile:
    """Note a local file in the ledger, if it is new or has changed; its row. Raises OSError."""
    seen = seen_of(path)
    store.observe(LOCAL, [seen], whole=False)
    return store.files(source=LOCAL, path=seen.path)[0]


def seen_of(path: Path) -> Seen:
    """A local file as the ledger knows it, by its absolute path. Raises OSError."""
    stat = path.stat()
    return Seen(
        path=text_path(os.fsencode(path.absolute())),
        filename=text_path(os.fsencode(path.name)),
        branch=branch_of(path.name),
        size=stat.st_size,
        modified_at=datetime.fromtimestamp(int(stat.st_mtime), UTC),
    )
