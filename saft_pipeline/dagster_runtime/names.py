"""Names that those who define, those who run and those who ask must spell alike."""

from __future__ import annotations

LOCATION = "saft_pipeline.definitions"
JOB = "load_files_job"
PRUNE_JOB = "prune_job"
PRUNE_SCHEDULE = "prune_nightly"
CONTINUITY = "continuity"
CONTINUITY_JOB = "continuity_job"
CONTINUITY_SCHEDULE = "continuity_nightly"
MONTHLY_JOB = "monthly_report_job"
MONTHLY_SCHEDULE = "monthly_report"
# The folder on the server, and the sensor that observes it.
FOLDER = SENSOR = "sftp_folder"
ALERTS = "alerts"
DIGEST = "daily_digest"
REPORT_ASSETS = ("vat_summary", "sales_by_day")
REPORTS_SENSOR = "reports"

LINKS = "invoice_file_links"
PUBLISHING = "invoice_files"
# What a file becomes, and from what, in the order in which it is made.
UPSTREAM: dict[str, tuple[str, ...]] = {
    "raw_xml": (FOLDER,),
    "parsed_json": ("raw_xml",),
    "companies": ("parsed_json",),
    "customers": ("parsed_json",),
    "invoices": ("parsed_json",),
    "invoice_lines": ("parsed_json",),
    LINKS: ("invoices",),
    PUBLISHING: ("companies", "customers", "invoice_lines", LINKS),
}
FILE_ASSETS = tuple(UPSTREAM)
# The step that makes them all.
LOADING_STEP = "load_files"

# Names that other definitions, merged with ours, have no use for.
RESOURCE, TABLES_IO_MANAGER = "saft", "saft_tables"
LOGGER = "saft"
# Dagster's own limit on steps that load files at once, for who sets one.
POOL = "saft_load_files"

# How a tick begins to say that it lacks settings.
CANNOT_POLL = "nothing to poll"
# And how one does that met a fault which may pass.
AGAIN = "tried again at the next tick"

# Tags of a run: whose claim it works on, on how many files, and of which source these are.
CLAIM_TAG = "saft/claim"
FILES_TAG = "saft/files"
SOURCE_TAG = "saft/source"
# And of one that has ended: how many of its files were not loaded, `1 of 37`.
FAILED_TAG = "saft/failed"
# And of one that could not tell Dagster of all that it did, which the next tick does: `yes`.
UNTOLD_TAG = "saft/untold"

# Without it a run logs to stderr as Dagster likes, whatever LOG_LEVEL says.
RUN_CONFIG: dict[str, dict[str, dict[str, str]]] = {"loggers": {LOGGER: {}}}
