"""Which channels the settings name, and the test message."""

from __future__ import annotations

from saft_pipeline.alerts.channels import channels, send_test
from saft_pipeline.settings import load
from saft_pipeline_tests.alerts.hook_server import hook_server
from saft_pipeline_tests.alerts.mail_server import mail_server
from saft_pipeline_tests.fixtures.sshd import free_port


def mail_to(port: int) -> dict[str, str]:
    return {
        "ALERT_SMTP_URL": f"smtp://localhost:{port}",
        "ALERT_EMAIL_FROM": "saft@example.test",
        "ALERT_EMAIL_TO": "it@example.test",
    }


def test_none_is_set_by_default() -> None:
    assert channels(load({})) == []


def test_a_test_message_goes_out_on_all() -> None:
    with hook_server() as hook, mail_server(None) as box:
        settings = load({"ALERT_WEBHOOK_URL": hook.url, **mail_to(box.port)})
        assert send_test(settings) == {"webhook": None, "e-mail": None}
    assert hook.texts[0].startswith("saft_pipeline: a test message")
    assert box.mails[0]["Subject"] == "saft_pipeline: a test message"


def test_a_channel_that_fails_is_told_and_keeps_no_other_from_it() -> None:
    with mail_server(None) as box:
        nowhere = f"http://127.0.0.1:{free_port()}/"
        settings = load({"ALERT_WEBHOOK_URL": nowhere, **mail_to(box.port)})
        problems = send_test(settings)
    assert problems["e-mail"] is None
    assert "can't be reached" in (problems["webhook"] or "")
    assert len(box.mails) == 1
