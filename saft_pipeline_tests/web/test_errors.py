"""Which fault becomes which answer."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from saft_pipeline.dagster_runtime.runs import NotCancelledError, UnknownRunError
from saft_pipeline.dagster_runtime.sensor_ticks import SensorStoppedError
from saft_pipeline.settings import SettingsError
from saft_pipeline.store.errors import StoreError, TransientStoreError
from saft_pipeline.web.errors import ApiError, api_error

SECRET = "postgresql://u:hunter2@db.example.test/x"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (UnknownRunError("no run"), 404, "unknown_task"),
        (NotCancelledError("ended"), 409, "not_cancelled"),
        (SensorStoppedError("off"), 409, "sensor_stopped"),
        (SettingsError("wrong"), 503, "settings"),
        (StoreError("older"), 503, "database"),
        (TransientStoreError("lost"), 503, "database"),
        (ApiError(418, "teapot", "short and stout"), 418, "teapot"),
    ],
)
def test_what_is_expected_keeps_its_words(fault: Exception, status: int, code: str) -> None:
    error = api_error(fault)
    assert (error.status, error.code, str(error)) == (status, code, str(fault))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OperationalError(SECRET, None, Exception(SECRET)), "dagster"),
        (ValueError(SECRET), "internal"),
        (TimeoutError(), "timeout"),
    ],
)
def test_what_is_not_expected_shows_nothing_of_the_inside(fault: Exception, code: str) -> None:
    error = api_error(fault)
    assert (error.code, "hunter2" in str(error)) == (code, False)
    assert str(error)
