"""Once a month: each company's VAT of the month before, to whom the settings name."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from saft_pipeline.alerts.channels import report_channels, send_on_each
from saft_pipeline.alerts.message import Message
from saft_pipeline.dagster_runtime.names import LOGGER, MONTHLY_JOB, MONTHLY_SCHEDULE, RUN_CONFIG
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.settings import Settings

if TYPE_CHECKING:
    from saft_pipeline.reports.report import Report


@dg.op
def send_reports(context: dg.OpExecutionContext, saft: Pipeline) -> None:
    """Send all, also when some can't be sent; then fail, naming what was not."""
    ways, problems = report_channels(saft.settings), []
    for report in _reports(saft.settings, datetime.now(UTC).date()):
        message = _message(report)
        for name, problem in send_on_each(ways, message).items():
            if problem:
                problems.append(f"{name}: {message.title}: {problem}")
            else:
                context.log.info(f"{name}: sent: {message.title}")
    if problems:
        raise dg.Failure("; ".join(problems))


def _reports(settings: Settings, today: date) -> Iterator["Report"]:
    """The VAT of the month before today, of each company that has documents in it."""
    from saft_pipeline.reports.language import LANGUAGES
    from saft_pipeline.reports.selection import Selection, opened
    from saft_pipeline.reports.vat import vat_report

    end = today.replace(day=1) - timedelta(days=1)
    with opened(settings) as source:
        for company in source.companies():
            selection = Selection(
                company["company_id"],
                company["company_name"],
                end.replace(day=1),
                end,
                LANGUAGES[settings.report_language],
            )
            if not (report := vat_report(source, selection)).is_empty:
                yield report


def _message(report: "Report") -> Message:
    from saft_pipeline.reports.page import page
    from saft_pipeline.reports.xlsx_file import write_report

    book = io.BytesIO()
    write_report(report, book)
    title = f"{report.title}: {report.about}"
    figures = [f"{name}: {value}" for name, value in report.shown_figures.items()]
    name = report.title.lower()
    files = {f"{name}.html": page(report).encode(), f"{name}.xlsx": book.getvalue()}
    return Message(title, "\n".join([title, report.summary, *figures]), files)


def build_monthly_report(logger: dg.LoggerDefinition, *, wanted: bool) -> dg.ScheduleDefinition:
    """The schedule and its job; it runs by default if there is somebody to send to."""

    @dg.job(
        name=MONTHLY_JOB,
        executor_def=dg.in_process_executor,
        logger_defs={LOGGER: logger},
        config=RUN_CONFIG,
        description="Sends each company's VAT of the month before to REPORT_EMAIL_TO and "
        "REPORT_WEBHOOK_URL.",
    )
    def monthly_report_job() -> None:
        send_reports()

    status = dg.DefaultScheduleStatus.RUNNING if wanted else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name=MONTHLY_SCHEDULE,
        job=monthly_report_job,
        cron_schedule="0 7 6 * *",
        default_status=status,
        description="On the 6th at 7:00 UTC: a month's files are to be delivered by the 5th.",
    )
