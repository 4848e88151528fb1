"""Names on the server: bytes on the wire, text in the ledger, and which of them to leave alone."""

import fnmatch
import hashlib
import re

from saft_pipeline.sftp.errors import PermanentSftpError

PARTIAL_SUFFIXES = (b".part", b".tmp", b".filepart")
_MOST = 2000  # bytes of a text
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")


def text_path(raw: bytes) -> str:
    r"""Give the contract's text of a path: a byte not UTF-8 as `\xNN`, a backslash doubled.

    A NUL, which only a bad server gives and Postgres can't store, is escaped too.
    """
    escaped = raw.replace(b"\\", b"\\\\").replace(b"\0", rb"\x00")
    return escaped.decode("utf-8", "backslashreplace")


def short_text(raw: bytes) -> str:
    """Give `text_path`, of which a longer text is cut and told from others by a hash."""
    text = text_path(raw)
    if len(text.encode()) <= _MOST:
        return text
    digest = hashlib.sha256(raw).hexdigest()[:12]
    return f"{text_path(raw[:100])}… ({len(raw):,} bytes, {digest})"


def raw_path(text: str) -> bytes:
    """Give the bytes that `text_path` made `text` of.

    Raises ValueError for a text that `text_path` never gives.
    """
    parts, end = [], 0
    for found in _ESCAPE.finditer(text):
        parts.append(text[end : found.start()].encode())
        parts.append(bytes.fromhex(found[1]) if found[1] else b"\\")
        end = found.end()
    raw = b"".join([*parts, text[end:].encode()])
    if text_path(raw) != text:
        raise ValueError(f"not a path as the ledger writes them: {text!r}")
    return raw


def setting_path(text: str) -> bytes:
    """Give the bytes of a folder named in a setting, undecodable ones included (PEP 383)."""
    return text.encode("utf-8", "surrogateescape")


def join(folder: bytes, name: bytes) -> bytes:
    """Join two paths of the server, where an absolute `name` stands alone, as in POSIX."""
    if name.startswith(b"/") or not folder:
        return name
    if not name:
        return folder
    return folder.rstrip(b"/") + b"/" + name


def below(root: bytes, path: bytes) -> bytes:
    """Join a file's relative path to the folder it was listed in.

    Raises PermanentSftpError for a path that leads out of it.
    """
    names = path.split(b"/")
    if any(is_unsafe(name) for name in names) or b".." in names:
        raise PermanentSftpError(f"{text_path(path)!r} isn't the path of a file in the folder")
    return join(root, path)


def split(path: bytes) -> tuple[bytes, bytes]:
    """Split a path into its folder (may be empty) and its last name."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def way(root: bytes, folder: bytes) -> list[bytes]:
    """Give a folder and those above it, outermost first, without `root` and what is above that."""
    ends = [at for at in range(1, len(folder)) if folder[at : at + 1] == b"/"]
    steps = [folder[:end] for end in (*ends, len(folder))]
    return [step for step in steps if not (root + b"/").startswith(step + b"/")]


def is_unsafe(name: bytes) -> bool:
    """Tell whether a listed name isn't one name: a server can thus point outside the folder."""
    return not name or b"/" in name or b"\0" in name


def is_left_alone(name: bytes) -> bool:
    """Tell whether a name is hidden or says that its upload isn't over."""
    return name.startswith(b".") or name.lower().endswith(PARTIAL_SUFFIXES)


def name_pattern(pattern: str) -> re.Pattern[str]:
    """Compile shell patterns, separated by commas, for names as text, whatever their case."""
    each = (fnmatch.translate(part.strip()) for part in pattern.split(","))
    return re.compile("|".join(each), re.IGNORECASE)
