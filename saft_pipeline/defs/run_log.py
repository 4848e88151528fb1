"""What a run says on stderr, from `LOG_LEVEL` up: a line for each file; the UI keeps the rest."""

import copy
import logging
import sys

import dagster as dg

from saft_pipeline.dagster_runtime.runs import is_own, plain_reason
from saft_pipeline.loading.file_load import Load
from saft_pipeline.store.model import holding
from saft_pipeline.visible import visible

_LOGGER = logging.getLogger("saft_pipeline.run")


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """As the format has it, with nothing that would steer a terminal."""
        if reason := _own_reason(record):
            record = copy.copy(record)
            record.msg, record.args = f"run {record.dagster_meta['run_id']} failed: {reason}", ()  # type: ignore[attr-defined]
        return visible(super().format(record))


class _Stderr(logging.Handler):
    """To what stderr is at that moment: that of a process's first run may be closed by now."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        sys.stderr.write(f"{self.format(record)}\n")


def _event(record: logging.LogRecord) -> dg.DagsterEvent | None:
    event: dg.DagsterEvent | None = getattr(record, "dagster_meta", {}).get("dagster_event")
    return event


def _is_news(record: logging.LogRecord) -> bool:
    """Not what Dagster says of a failed step: that of its run says it again."""
    event = _event(record)
    return not (event and event.is_step_failure)


def _own_reason(record: logging.LogRecord) -> str | None:
    """Why a run failed, if we said it ourselves: files have had their lines, nobody a traceback."""
    event = _event(record)
    step = getattr(event and event.event_specific_data, "first_step_failure_event", None)
    error = getattr(step and step.event_specific_data, "error", None)
    if error is None or not is_own(error):
        return None
    return plain_reason(error).partition("\n")[0]


def run_logger(level: str) -> dg.LoggerDefinition:
    """The logger of runs."""

    @dg.logger
    def to_stderr(_context: dg.InitLoggerContext) -> logging.Logger:
        _LOGGER.setLevel(level.upper())
        if not _LOGGER.handlers:
            handler = _Stderr()
            handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
            handler.addFilter(_is_news)
            _LOGGER.addHandler(handler)
        _LOGGER.propagate = False
        return _LOGGER

    return to_stderr


def say_of(load: Load) -> None:
    """What became of a file, in a line; an event of Dagster's for each would cost more."""
    if load.outcome is None or not load.loaded:
        state = load.rejection.state if load.rejection else "failed"
        _LOGGER.warning("%s %s", state, load.error or load.file.path)
        return
    rows = load.outcome.rows
    held = holding(rows.get("invoice_file_links", 0), rows.get("invoice_lines", 0))
    _LOGGER.info("loaded %s: %s", load.file.path, held)
