"""What PostgREST answers when it can't do as it was asked: `{code, message, details, hint}`.

Codes, texts and statuses are those of docs.postgrest.org, References, Errors.
"""

from __future__ import annotations

import psycopg

_STATUS = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "21": 500, "23503": 409, "23505": 409,
    "25006": 405, "25": 500, "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500,
    "53400": 500, "53": 503, "54": 500, "55": 500, "57P01": 503, "57": 500, "58": 500, "F0": 500,
    "HV": 500, "P0001": 400, "P0": 500, "XX": 500, "42883": 404, "42P01": 404, "42P17": 500,
}  # fmt: skip
"""HTTP status by SQLSTATE, before its class; 42501 and PTxyz apart, all others 400."""


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        details: object = None,
        hint: object = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Proxy-Status": f"PostgREST; error={code}",
        }
        self.body = {"code": code, "message": message, "details": details, "hint": hint}


def not_implemented(what: str) -> ApiError:
    """What PostgREST can do, but not this stand-in."""
    return ApiError(400, "PGRST127", "Feature not implemented", f"{what}, by this stand-in")


def from_postgres(error: psycopg.Error, *, anonymous: bool) -> ApiError:
    """An error of the server with the status of its SQLSTATE; without one, a lost connection."""
    state, diagnostic = error.sqlstate, error.diag
    message, details = diagnostic.message_primary or "", diagnostic.message_detail
    if state is None:
        lost = "Database client error. Retrying the connection."
        return ApiError(503, "PGRST001", lost, str(error))
    status = _status(state, message, anonymous=anonymous)
    answer = ApiError(status, state, message, details, diagnostic.message_hint)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _status(state: str, message: str, *, anonymous: bool) -> int:
    if state == "42501":
        return 401 if anonymous else 403
    if state == "22023" and message.startswith("role") and message.endswith("does not exist"):
        return 401
    if state.startswith("PT"):
        return int(state[2:]) if state[2:].isdigit() else 500
    return next((status for start, status in _STATUS.items() if state.startswith(start)), 400)
