"""What can go wrong with telling: one kind, since the cure is always to try again or to mend."""

from __future__ import annotations


class AlertError(Exception):
    """A message did not go out; why and what to do, without the address, which holds a secret."""
