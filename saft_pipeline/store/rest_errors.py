"""What an answer of Supabase's API means that is none: with what to do, and never the key.

A fault may be PostgREST's (its codes: https://docs.postgrest.org/en/stable/references/errors.html),
Supabase's gateway's (https://supabase.com/docs/guides/platform/http-status-codes), or that of
whatever else stands between.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from saft_pipeline.store.errors import StoreError, TransientStoreError, error_of

if TYPE_CHECKING:
    import httpx

DIRECT = "give SUPABASE_DB_URL, to write straight to Postgres (Supabase: Connect, Session pooler)"
APPLY = (
    "run what `saft db sql` prints in Supabase's SQL editor; it applies what is missing, and the "
    "API sees it some seconds later"
)
KEY = "the secret key of that project (Supabase: Project Settings, API Keys)"
ADDRESS = "it looks like https://abcdefghijklmnopqrst.supabase.co"

_NEW_KEY = "a secret key, sb_secret_… (Supabase: Project Settings, API Keys)"
_REFUSED = ("401", "403", "PGRST301", "PGRST302", "PGRST303")
# No connection to the database, none free, too slow, too many requests; from gateway or PostgREST.
_PASSING = frozenset({"PGRST000", "PGRST001", "PGRST002", "PGRST003", "408", "425", "429"})
_TITLE = re.compile(r"<title[^>]*>([^<]{1,80})</title>", re.IGNORECASE)


def raise_for_error(response: httpx.Response) -> None:
    """Let an answer of the API pass; for use as an event hook.

    Raises:
        StoreError: anything else, with its cure; TransientStoreError where waiting may help.
    """
    if response.status_code == 204:
        return
    response.read()
    is_json = "json" in response.headers.get("content-type", "") and bool(response.content)
    if response.is_success and is_json and _is_text(response.content):
        return
    if response.is_success or response.has_redirect_location:
        raise _not_the_api(response)
    body = _body(response)
    code, said = str(body.get("code") or response.status_code), str(body.get("message") or "")
    function = response.url.path.rpartition("/")[2]
    raise _refusal(code, said, body.get("details"), function) or _gateways(response, code, said)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _not_the_api(response: httpx.Response, said: str = "") -> StoreError:
    """An answer of a proxy, a sign-in page, or another address."""
    if response.has_redirect_location:  # who follows it asks by GET, in a transaction that reads
        to = response.url.join(response.headers["location"])
        what = f"a redirect to {to.scheme}://{to.netloc.decode()}"
    elif "html" in response.headers.get("content-type", "") and response.content:
        what = f"a page{_title(response)}"
    else:
        what = (said and f'"{said}"') or (response.content and "something else") or "nothing"
    return TransientStoreError(
        f"{response.url.host} answered {response.status_code} with {what}, which Supabase's API "
        f"never does: check that SUPABASE_URL is the project's own address ({ADDRESS}), and what "
        "proxy or sign-in page stands between"
    )


def _title(response: httpx.Response) -> str:
    found = _TITLE.search(response.text)
    return f' titled "{" ".join(found[1].split())}"' if found and found[1].isprintable() else ""


def _refusal(code: str, said: str, details: object, function: str) -> StoreError | None:
    """What PostgREST, the database, or the gateway's look at the key says."""
    if code in ("PGRST202", "PGRST205"):
        return StoreError(f"the function {function} is missing from the API: {APPLY}")
    if code == "42501":
        return StoreError(
            f"SUPABASE_KEY has no right to do this ({said}): give {KEY}, not the publishable or "
            f"anon one; if it is the secret one, {APPLY}"
        )
    if code == "PGRST106":
        return StoreError(f"the API doesn't serve the schema public: {said}")
    if said and (code in _REFUSED or said == "Invalid API key"):
        return _key_refused(said)
    if code == "57014" and function == "saft_publish":
        return StoreError(f"publishing took longer than the 60 s that the API gives; {DIRECT}")
    if code in _PASSING:
        return TransientStoreError(f"the API says: {said or 'nothing'} ({code})")
    if len(code) == 5:
        return error_of(code, said, str(details or "") or None)
    return None


def _key_refused(said: str) -> StoreError:
    if "legacy" in said.lower():
        return StoreError(
            f"SUPABASE_KEY is one of the project's legacy keys, which are disabled: give {_NEW_KEY}"
        )
    if "expired" in said.lower():
        return StoreError(f"SUPABASE_KEY has expired ({said}): give {_NEW_KEY}")
    return StoreError(f"SUPABASE_KEY was refused ({said}): give {KEY}")


def _gateways(response: httpx.Response, code: str, said: str) -> StoreError:
    """An answer by its status: nobody behind the gateway gave it."""
    host, status = response.url.host, response.status_code
    if status == 540:
        return StoreError(
            f"the project at {host} is paused: restore it in Supabase's dashboard, which takes "
            "some minutes"
        )
    if status == 402:
        return StoreError(
            f"the project at {host} is restricted ({said or 'no reason given'}): look at its "
            "organisation's usage and billing in Supabase's dashboard"
        )
    if status >= 500:
        return TransientStoreError(
            f"the gateway before the API answered {status} {response.reason_phrase or ''}"
            f"{_title(response)}: the project restarts, is overloaded or is down; if it stays so "
            f"look at its logs in Supabase's dashboard and at status.supabase.com"
        )
    if not said or status == 404:
        return _not_the_api(response, said)
    return StoreError(f"the API at SUPABASE_URL says: {said} ({code})")
