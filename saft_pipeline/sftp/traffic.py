"""What this process asked of SFTP servers, counted by who asks until somebody adds it up."""

import threading
from collections import Counter

REQUESTS = "sftp_requests"
CONNECTIONS = "sftp_connections"
LOSSES = "sftp_reconnects"


class Traffic:
    """Counts by name; safe for threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, number: int = 1) -> None:
        """Count some more."""
        with self._guard:
            self._counts[name] += number

    def take(self) -> dict[str, int]:
        """Give what was counted since the last time."""
        with self._guard:
            counts, self._counts = self._counts, Counter()
        return dict(counts)


TRAFFIC = Traffic()
"""Of the whole process."""
