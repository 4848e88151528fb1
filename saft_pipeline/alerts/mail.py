"""By e-mail, over SMTP (RFC 5321), with TLS where the server offers it (RFC 3207).

What a mail says is in message.py and digest.py.
"""

from __future__ import annotations

import mimetypes
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import SplitResult, unquote, urlsplit

from saft_pipeline.alerts.message import AlertError, Message
from saft_pipeline.visible import visible

_WITHIN = 10.0
"""Seconds for each answer of the server."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LONGEST_SUBJECT = 150


class Mail:
    """One sender and its recipients; the address of the server may hold a password."""

    name = "e-mail"

    def __init__(self, url: str, sender: str, recipients: Sequence[str]) -> None:
        self._url = url
        self._sender = sender
        self._recipients = recipients

    def send(self, message: Message) -> None:
        """Send a message to all recipients; raises `AlertError`."""
        where = urlsplit(self._url)
        try:
            with _opened(where) as server:
                _secure(server, where)
                if where.username:
                    server.login(unquote(where.username), unquote(where.password or ""))
                server.send_message(self._mail(message))
        except smtplib.SMTPRecipientsRefused as error:
            refused = ", ".join(error.recipients)
            raise AlertError(f"the server takes no mail for {refused}") from None
        except smtplib.SMTPResponseException as error:
            raise AlertError(_said(error)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise AlertError(f"the server can't be used: {error}") from None

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Subject"] = visible(" ".join(message.title.split()))[:_LONGEST_SUBJECT]
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        mail.set_content(visible(message.text))
        for name, content in message.attachments.items():
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            main, _, sub = kind.partition("/")
            mail.add_attachment(content, maintype=main, subtype=sub, filename=name)
        return mail


def _opened(where: SplitResult) -> smtplib.SMTP:
    host, port = where.hostname or "", where.port or 0
    if where.scheme == "smtps":
        trusted = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, timeout=_WITHIN, context=trusted)
    return smtplib.SMTP(host, port, timeout=_WITHIN)


def _secure(server: smtplib.SMTP, where: SplitResult) -> None:
    """Go on with TLS if it is offered; without it no password leaves this machine."""
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
    elif where.scheme == "smtp" and where.password and where.hostname not in _LOOPBACK:
        raise AlertError(
            "the server offers no TLS, so the password of ALERT_SMTP_URL is not sent to it; "
            "use smtps://, or the port that has STARTTLS (587)"
        )


def _said(error: smtplib.SMTPResponseException) -> str:
    words = error.smtp_error
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    cure = "; check ALERT_SMTP_URL" if isinstance(error, smtplib.SMTPAuthenticationError) else ""
    return f"the server says {error.smtp_code} {text}{cure}"
