"""What can go wrong with the store: two kinds, told apart by whether waiting may help."""

from __future__ import annotations

# SQLSTATE classes and codes of faults that may pass (PostgreSQL, Appendix A).
_TRANSIENT_CLASSES = ("08", "53", "57P", "58")
_TRANSIENT = frozenset({"40001", "40P01", "55P03", "57014", "25006", "XX000"})
_NO_RIGHT = "42501"
OTHER_LOGIN = (
    "log in as the owner of the tables, or as a role with all rights on them and bypassrls"
)


class StoreError(Exception):
    """The store can't do what was asked; the message says why and what to do, and no secret."""


class TransientStoreError(StoreError):
    """A fault that may pass: a lost connection, a lock timeout, a full disk, a busy server."""


def error_of(code: str, said: str, detail: str | None = None) -> StoreError:
    """The fault of that SQLSTATE in the store's words."""
    text = f"the database says: {said} ({code})" + (f"; {detail}" if detail else "")
    if code == _NO_RIGHT:
        text += f"; {OTHER_LOGIN}"
    transient = code.startswith(_TRANSIENT_CLASSES) or code in _TRANSIENT
    return (TransientStoreError if transient else StoreError)(text)
