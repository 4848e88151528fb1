"""Who asks: the role that an API key or a token stands for, as Supabase's gateway decides it.

Keys are `sb_secret_…` and `sb_publishable_…`, or the older JWTs whose claim says the role. The
header `apikey` carries the key, `Authorization` the same, or the token of a signed-in user.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from saft_pipeline_tests.postgrest.errors import ApiError

ANON = "anon"
SERVICE_ROLE = "service_role"


@dataclasses.dataclass(frozen=True)
class Identity:
    """The role that a request runs as, and the claims that SQL sees in request.jwt.claims."""

    role: str
    claims: dict[str, Any]


def identify(headers: Mapping[str, str], secret_key: str | None) -> Identity:
    """Who sends these headers; only `secret_key` is service_role, or with None every other key.

    Raises:
        ApiError: 401, as the gateway (no code) or PostgREST (PGRST301) answers.
    """
    key, token = headers.get("apikey"), _bearer(headers)
    if not key:
        hint = "No `apikey` request header or url param was found."
        raise ApiError(401, None, "No API key found in request", hint=hint)
    claims = _of_key(key, secret_key)
    if token and token != key:
        claims = _claims(token)
    return Identity(claims.get("role", ANON), claims)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _of_key(key: str, secret_key: str | None) -> dict[str, Any]:
    if key == secret_key:
        return {"role": SERVICE_ROLE}
    claims = _claims(key) if _payload(key) is not None else {}
    if key.startswith("sb_publishable_") or key == ANON or claims.get("role") == ANON:
        return {"role": ANON, **claims}
    if secret_key is not None:
        hint = "Double check your Supabase `anon` or `service_role` API key."
        raise ApiError(401, None, "Invalid API key", hint=hint)
    return {"role": SERVICE_ROLE, **claims}


def _payload(token: str) -> dict[str, Any] | None:
    """What a token holds; None if it is none. Its signature isn't looked at."""
    parts = token.split(".")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (IndexError, ValueError):
        return None
    return claims if len(parts) == 3 and isinstance(claims, dict) else None


def _claims(token: str) -> dict[str, Any]:
    """What a token holds that is one."""
    claims = _payload(token)
    if claims is None:
        raise ApiError(401, "PGRST301", "JWT couldn't be decoded")
    return claims
