"""One dynamic partition a remote file: how its key is made, and how the key finds its file."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Protocol

import dagster as dg

_KEPT = 80


@cache
def file_partitions(prefix: tuple[str, ...]) -> dg.DynamicPartitionsDefinition:
    """The files of the assets whose keys begin with that; an instance may have several such."""
    return dg.DynamicPartitionsDefinition(name="/".join([*prefix, "saft_files"]))


files = file_partitions(())


class Keyed(Protocol):
    """What is needed of a file to name its partition."""

    @property
    def source(self) -> str:
        """How the ledger names where it is from."""
        ...

    @property
    def path(self) -> str:
        """Its path there."""
        ...

    @property
    def key(self) -> str:
        """The ledger's key of it."""
        ...


def partition_key(file: Keyed) -> str:
    """A readable slug of the path, `~`, and the ledger's 12-digit key of the file.

    Where sources have names, that of the file's comes first.
    Dagster breaks on `/`, `,`, `...`, brackets and bars in keys, so only letters, digits,
    `_` and `-` stay; the end of a long path is what tells files apart.
    """
    plain = unicodedata.normalize("NFKD", file.path).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", re.sub(r"\.xml$", "", plain, flags=re.IGNORECASE))
    name = "" if file.source == "file" or "://" in file.source else f"{file.source}-"
    return f"{name}{slug.strip('-')[-_KEPT:]}~{file.key}"


def ledger_key(partition: str) -> str:
    """The ledger's key of the file that a partition stands for."""
    return partition.rpartition("~")[2]
