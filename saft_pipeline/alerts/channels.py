"""The ways that the settings name, and sending something on each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from saft_pipeline.alerts.mail import Mail
from saft_pipeline.alerts.message import AlertError, Message
from saft_pipeline.alerts.webhook import Webhook
from saft_pipeline.settings import Settings

_TEST = Message(
    "saft_pipeline: a test message",
    "saft_pipeline: a test message. Failed files and runs will be told of here.",
)


class Channel(Protocol):
    """One way to reach somebody."""

    @property
    def name(self) -> str:
        """What the database knows it by."""

    def send(self, message: Message) -> None:
        """Have it delivered; raises `AlertError`."""


def channels(settings: Settings) -> list[Channel]:
    """All that are set; none is set by default."""
    found: list[Channel] = []
    if settings.alert_webhook_url:
        found.append(Webhook(settings.alert_webhook_url.get_secret_value()))
    if settings.alert_smtp_url and settings.alert_email_from and settings.alert_email_to:
        url = settings.alert_smtp_url.get_secret_value()
        found.append(Mail(url, settings.alert_email_from, settings.alert_email_to))
    return found


def report_channels(settings: Settings) -> list[Channel]:
    """Whom the monthly report is sent to, by the same server; nobody by default."""
    found: list[Channel] = []
    if settings.report_webhook_url:
        found.append(Webhook(settings.report_webhook_url.get_secret_value(), "REPORT_WEBHOOK_URL"))
    if settings.alert_smtp_url and settings.alert_email_from and settings.report_email_to:
        url = settings.alert_smtp_url.get_secret_value()
        found.append(Mail(url, settings.alert_email_from, settings.report_email_to))
    return found


def send_on_each(ways: Iterable[Channel], message: Message) -> dict[str, str | None]:
    """Send a message on every channel, also when one fails: by its name what kept it from going."""
    return {way.name: _problem(way, message) for way in ways}


def _problem(way: Channel, message: Message) -> str | None:
    try:
        way.send(message)
    except AlertError as error:
        return str(error)
    return None


def send_test(settings: Settings) -> dict[str, str | None]:
    """The same of a test message, on all that are set."""
    return send_on_each(channels(settings), _TEST)
