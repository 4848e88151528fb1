"""Logging in: who may, how guessing is slowed down, and the sessions of those who did."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from saft_pipeline.settings import Settings

IDLE = 12 * 3600.0
"""Seconds after its last request that a session ends."""

_TOUCH_EVERY = 60.0
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_FREE_FAILURES = 3
_LONGEST_PAUSE = 60.0
_MOST_CLIENTS = 1000


class Logins:
    """Users and their passwords, of which only scrypt's hashes are compared."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._salt = secrets.token_bytes(16)
        self._passwords = dict(passwords)
        self._hashes = {user: self._hash(password) for user, password in passwords.items()}
        self._nobody = secrets.token_bytes(32)
        # A script sends its password with every request: scrypt is asked once.
        self._seen: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def right(self, user: str, password: str) -> bool:
        """Whether the password is the user's; takes as long for a user that there is none of."""
        known = self._seen.get(user)
        if known is not None and hmac.compare_digest(known.encode(), password.encode()):
            return True
        found = hmac.compare_digest(self._hash(password), self._hashes.get(user, self._nobody))
        if found:
            self._seen[user] = password
        return found

    def seal(self, user: str, token: str) -> str | None:
        """What ties a session to the user's password; None if there is no such user any more."""
        password = self._passwords.get(user)
        if password is None:
            return None
        return hmac.new(token.encode(), f"{user}:{password}".encode(), "sha256").hexdigest()

    def _hash(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self._salt, n=1 << 14, r=8, p=1)


def logins_of(settings: Settings) -> Logins:
    """`WEB_LOGIN`."""
    if settings.web_login is None:
        return Logins({})
    pairs = settings.web_login.get_secret_value().split(",")
    return Logins(dict(pair.strip().split(":", 1) for pair in pairs if pair.strip()))


class Throttle:
    """Failures of a client to log in: after three, each doubles the seconds until the next try."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def wait(self, client: str) -> float:
        """Seconds that this client is to wait before it may try."""
        count, last = self._failures.get(client, (0, 0.0))
        if count < _FREE_FAILURES:
            return 0.0
        pause = min(2.0 ** (count - _FREE_FAILURES), _LONGEST_PAUSE)
        return max(0.0, last + pause - self._clock())

    def failed(self, client: str) -> None:
        """Count a failure; of very many clients those that failed last are remembered."""
        count, _ = self._failures.pop(client, (0, 0.0))
        self._failures[client] = (count + 1, self._clock())
        if len(self._failures) > _MOST_CLIENTS:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, client: str) -> None:
        """Forget a client's failures."""
        self._failures.pop(client, None)


class Sessions:
    """Who has logged in: a file for each, named by its token's hash, for all processes of a home.

    A token is in the browser's cookie alone: who reads the files can't make a cookie of them.
    """

    def __init__(self, folder: Path, logins: Logins) -> None:
        self._folder = folder
        self._logins = logins

    def begin(self, user: str) -> str:
        """A new session; its token."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget_old()
        token = secrets.token_urlsafe(32)
        path = self._path(token)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{self._logins.seal(user, token)} {user}")
        return token

    def user(self, token: str) -> str | None:
        """Whose session it is; None if it has ended, or the user's password is another now."""
        if not _TOKEN.fullmatch(token):
            return None
        path = self._path(token)
        try:
            age = time.time() - path.stat().st_mtime
            sealed, _, user = path.read_text(encoding="utf-8").partition(" ")
            if age > IDLE or not hmac.compare_digest(sealed, self._logins.seal(user, token) or ""):
                path.unlink(missing_ok=True)
                return None
            if age > _TOUCH_EVERY:
                os.utime(path)
        except OSError:
            return None
        return user

    def end(self, token: str) -> None:
        """Log out: the token opens nothing any more, whoever has it."""
        if _TOKEN.fullmatch(token):
            self._path(token).unlink(missing_ok=True)

    def _path(self, token: str) -> Path:
        return self._folder / hashlib.sha256(token.encode()).hexdigest()

    def _forget_old(self) -> None:
        for path in self._folder.iterdir():
            if time.time() - path.stat().st_mtime > IDLE:
                path.unlink(missing_ok=True)
