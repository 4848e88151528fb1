"""By a webhook that takes `{"text": …}`: Slack's form, taken by Mattermost and Teams, too."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request

from saft_pipeline.alerts.message import AlertError, Message
from saft_pipeline.visible import visible

_WITHIN = 10.0
"""Seconds; a tick of Dagster's has 60 for all channels together."""
# What Slack takes for markup (Slack, "Formatting text": escaping).
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is sent elsewhere arrives there as a GET without its body."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Never."""


class Webhook:
    """One webhook; its address is a secret, `setting` the name of the one that holds it."""

    name = "webhook"

    def __init__(self, url: str, setting: str = "ALERT_WEBHOOK_URL") -> None:
        self._url = url
        self._setting = setting

    def send(self, message: Message) -> None:
        """Post a message; raises `AlertError`."""
        body = json.dumps({"text": visible(message.text).translate(_ESCAPES)}).encode()
        try:
            request = urllib.request.Request(  # noqa: S310 - http or https, say the settings
                self._url, body, {"Content-Type": "application/json"}
            )
            opener = urllib.request.build_opener(_NoRedirects)
            with opener.open(request, timeout=_WITHIN):
                pass
        except urllib.error.HTTPError as error:
            raise AlertError(f"it answered {error.code}; check {self._setting}") from None
        except urllib.error.URLError as error:
            raise AlertError(f"it can't be reached: {error.reason}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AlertError(f"it gave no answer: {type(error).__name__}") from None
