"""What a webhook is posted, and what is said when it does not take it: never its address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saft_pipeline.alerts import webhook
from saft_pipeline.alerts.channels import report_channels
from saft_pipeline.alerts.message import AlertError, Message
from saft_pipeline.alerts.webhook import Webhook
from saft_pipeline.settings import load
from saft_pipeline_tests.alerts.hook_server import Hook, hook_server
from saft_pipeline_tests.fixtures.sshd import free_port

MESSAGE = Message("1 file failed", "1 file failed\n• São João.xml: <UnitPrice> & more")


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hook_server() as hook:
        yield hook


def said(url: str) -> str:
    with pytest.raises(AlertError) as caught:
        Webhook(url).send(MESSAGE)
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


def test_the_text_is_posted_in_slacks_form(hook: Hook) -> None:
    Webhook(hook.url).send(MESSAGE)
    text = "1 file failed\n• São João.xml: &lt;UnitPrice&gt; &amp; more"
    assert hook.posted == [{"text": text}]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_refusal_is_told_with_its_status(hook: Hook, status: int) -> None:
    hook.status = status
    assert said(hook.url) == f"it answered {status}; check ALERT_WEBHOOK_URL"


def test_a_refusal_names_the_setting_that_holds_the_address(hook: Hook) -> None:
    hook.status = 404
    (way,) = report_channels(load({"REPORT_WEBHOOK_URL": hook.url}))
    with pytest.raises(AlertError, match="check REPORT_WEBHOOK_URL"):
        way.send(MESSAGE)


def test_a_redirection_is_not_followed(hook: Hook) -> None:
    hook.status, hook.headers = 302, {"Location": hook.url}
    assert said(hook.url) == "it answered 302; check ALERT_WEBHOOK_URL"


def test_nobody_there_is_told_with_the_cause() -> None:
    told = said(f"http://127.0.0.1:{free_port()}/services/s3cret")
    assert told.startswith("it can't be reached: ")
    assert "refused" in told


def test_an_address_that_is_none_is_told_without_it() -> None:
    assert said("http://127.0.0.1:port/s3cret").startswith("it gave no answer: ")


def test_a_server_that_says_nothing_is_given_up(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_WITHIN", 0.1)
    assert said(f"http://127.0.0.1:{silent_port}/s3cret") == "it gave no answer: TimeoutError"


def test_names_from_outside_steer_no_reader(hook: Hook) -> None:
    Webhook(hook.url).send(Message("", "of Caf\x1b[2J\u202e"))
    assert hook.posted == [{"text": r"of Caf\x1b[2J\u202e"}]
