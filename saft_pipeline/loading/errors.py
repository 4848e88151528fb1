"""What can go wrong with a place that files come from, told apart by whether waiting may help."""


class SourceError(Exception):
    """The source can't be used until somebody changes something; the message has the cure."""


class TransientSourceError(SourceError):
    """The source did not answer, or not to the end: trying again later may help."""
