"""One dynamic partition a remote file: how its key is made, and how the key finds its file."""

from __future__ import annotations

import re
import unicodedata

import dagster as dg

files = dg.DynamicPartitionsDefinition(name="saft_files")

_KEPT = 80


def partition_key(path: str, file_key: str) -> str:
    """A readable slug of the path, `~`, and the ledger's 12-digit key of the file.

    Dagster breaks on `/`, `,`, `...`, brackets and bars in keys, so only letters, digits,
    `_` and `-` stay; the end of a long path is what tells files apart.
    """
    plain = unicodedata.normalize("NFKD", path).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", re.sub(r"\.xml$", "", plain, flags=re.IGNORECASE))
    return f"{slug.strip('-')[-_KEPT:]}~{file_key}"


def ledger_key(partition: str) -> str:
    """The ledger's key of the file that a partition stands for."""
    return partition.rpartition("~")[2]
