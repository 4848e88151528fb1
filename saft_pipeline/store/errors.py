"""What can go wrong with the store: two kinds, told apart by whether waiting may help."""

from __future__ import annotations


class StoreError(Exception):
    """The store can't do what was asked; the message says why and what to do, and no secret."""


class TransientStoreError(StoreError):
    """A fault that may pass: a lost connection, a lock timeout, a full disk, a busy server."""
