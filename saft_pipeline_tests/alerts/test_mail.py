"""What mail goes out, how it is guarded, and what is said when it does not go: no password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.alerts import mail
from saft_pipeline.alerts.mail import Mail
from saft_pipeline.alerts.message import AlertError, Message
from saft_pipeline_tests.alerts.mail_server import Mailbox, mail_server
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.fixtures.tls import Certificate, self_signed

MESSAGE = Message("1 file failed", "1 file failed\n• São João.xml: it is broken")
RECIPIENTS = ("it@example.test", "shop@example.test")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """One that this process trusts."""
    made = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    return made


@pytest.fixture
def plain() -> Iterator[Mailbox]:
    with mail_server(None) as box:
        yield box


@pytest.fixture
def tls(certificate: Certificate) -> Iterator[Mailbox]:
    with mail_server(certificate) as box:
        yield box


def send(port: int, login: str = "", kind: str = "smtp", host: str = "localhost") -> None:
    Mail(f"{kind}://{login}{host}:{port}", "saft@example.test", RECIPIENTS).send(MESSAGE)


def said(port: int, login: str = "", host: str = "localhost") -> str:
    with pytest.raises(AlertError) as caught:
        send(port, login, host=host)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def test_a_mail_has_all_that_mail_needs(plain: Mailbox) -> None:
    send(plain.port)
    (sent,) = plain.mails
    assert {name: sent[name] for name in ("From", "To", "Subject", "Auto-Submitted")} == {
        "From": "saft@example.test",
        "To": "it@example.test, shop@example.test",
        "Subject": "1 file failed",
        "Auto-Submitted": "auto-generated",
    }
    assert sent["Message-ID"].endswith("@example.test>")
    assert sent["Date"]
    assert sent.get_content().splitlines() == MESSAGE.text.splitlines()


def test_it_goes_to_every_recipient(plain: Mailbox) -> None:
    send(plain.port)
    assert plain.recipients == list(RECIPIENTS)


def test_tls_is_used_where_it_is_offered(tls: Mailbox) -> None:
    send(tls.port)
    assert (tls.encrypted, len(tls.mails)) == (True, 1)


def test_tls_from_the_start(certificate: Certificate) -> None:
    with mail_server(certificate, tls_first=True) as box:
        send(box.port, kind="smtps")
    assert (box.encrypted, len(box.mails)) == (True, 1)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls: Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "CERTIFICATE_VERIFY_FAILED" in said(tls.port)
    assert tls.mails == []


def test_a_login_may_hold_any_character(tls: Mailbox) -> None:
    tls.password = "hunter2/@:"
    send(tls.port, "saft%40example.test:hunter2%2F%40%3A@")
    assert (tls.logins, len(tls.mails)) == (["saft@example.test"], 1)


def test_a_wrong_password_is_told_without_it(tls: Mailbox) -> None:
    tls.password = "right"
    told = said(tls.port, "saft:hunter2@")
    assert told == "the server says 535 no; check ALERT_SMTP_URL"


def test_no_password_goes_out_in_the_clear(plain: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.password = "hunter2"
    monkeypatch.setattr(mail, "_LOOPBACK", ())
    assert "offers no TLS" in said(plain.port, "saft:hunter2@")
    assert plain.logins == []


def test_a_relay_on_this_machine_may_be_without_tls(plain: Mailbox) -> None:
    plain.password = "hunter2"
    send(plain.port, "saft:hunter2@")
    assert plain.logins == ["saft"]


def test_a_recipient_that_is_refused_does_not_keep_it_from_the_others(plain: Mailbox) -> None:
    plain.refused = RECIPIENTS[0]
    send(plain.port)
    assert len(plain.mails) == 1


def test_recipients_that_are_all_refused_are_named(
    plain: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline_tests.alerts.test_mail.RECIPIENTS", RECIPIENTS[:1])
    plain.refused = RECIPIENTS[0]
    assert said(plain.port) == "the server takes no mail for it@example.test"


def test_nobody_there_is_told_with_the_cause() -> None:
    assert "Connection refused" in said(free_port())


def test_a_server_that_says_nothing_is_given_up(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_WITHIN", 0.1)
    assert "timed out" in said(silent_port)


def test_names_from_outside_make_no_header_and_steer_no_reader(plain: Mailbox) -> None:
    message = Message("IVA: Café\nBcc: all@example.test\x1b[2J", "of Café\u202e")
    Mail(f"smtp://localhost:{plain.port}", "saft@example.test", RECIPIENTS).send(message)
    (sent,) = plain.mails
    assert (sent["Subject"], sent["Bcc"]) == (r"IVA: Café Bcc: all@example.test\x1b[2J", None)
    assert sent.get_content().strip() == r"of Café\u202e"
