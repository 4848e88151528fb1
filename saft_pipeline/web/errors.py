"""The one shape of every error, and which fault of ours becomes which: never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from saft_pipeline.dagster_runtime.location import NoLocationError
from saft_pipeline.dagster_runtime.runs import NotCancelledError, UnknownRunError
from saft_pipeline.dagster_runtime.sensor_ticks import SensorStoppedError
from saft_pipeline.settings import SettingsError
from saft_pipeline.store.errors import StoreError

_log = logging.getLogger(__name__)

_CODES = {404: "not_found", 405: "method_not_allowed"}
_OURS: dict[type[Exception], tuple[int, str]] = {
    UnknownRunError: (404, "unknown_task"),
    NotCancelledError: (409, "not_cancelled"),
    SensorStoppedError: (409, "sensor_stopped"),
    NoLocationError: (503, "no_location"),
    SettingsError: (503, "settings"),
    StoreError: (503, "database"),
    TimeoutError: (503, "timeout"),
}


class ApiError(Exception):
    """What the client did wrong, or can't have now: `status` of HTTP, `code` for programs."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers

    def response(self) -> JSONResponse:
        """As the contract has it: `{"error": {"code", "message"}}`."""
        body = {"error": {"code": self.code, "message": str(self)}}
        return JSONResponse(body, self.status, self.headers)


def api_error(error: Exception) -> ApiError:
    """Any exception as an answer; one that nobody expected goes to the log and says only so."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "bad_request")
        return ApiError(error.status_code, code, error.detail, error.headers)
    for kind, (status, code) in _OURS.items():
        if isinstance(error, kind):
            return ApiError(status, code, str(error) or "no answer in time; try again later")
    if isinstance(error, SQLAlchemyError):
        _log.warning("Dagster's storage: %s", error)
        return ApiError(503, "dagster", "Dagster's storage does not answer; try again later")
    _log.error("a fault of saft_pipeline", exc_info=error)
    return ApiError(500, "internal", "a fault of saft_pipeline; the log of `saft serve` says more")


async def respond(_request: Request, error: Exception) -> JSONResponse:
    """Starlette's handler for what no endpoint caught, such as an unknown address."""
    return api_error(error).response()
