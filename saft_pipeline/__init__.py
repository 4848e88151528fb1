"""SAF-T (PT) invoices from SFTP folders into Supabase, as Dagster assets.

The walk of a file:

1. `defs/sensors` ticks: `loading/rounds` looks at every source at once (`loading/looks`).
2. `loading/poll` tells the ledger what is new (`store.observe`); `loading/taking` claims what is
   loaded now, once all looks are told.
3. `dagster_runtime/submission` makes each claim a run, and each file of it a partition.
4. `defs/assets` begins: `loading/loader` fetches a group of files (`loading/sources`, which is
   the server, `sftp_source`, or this machine).
5. `loading/read` keeps the bytes (`artifacts/`), reads them (`saft/`), and spools rows.
6. `saft/rules` finds what is wrong; BLOCK_ON and a source's `companies` keep files out.
7. `defs/io_managers` stages each table's rows; the ledger's asset comes last and publishes all.
8. `store/repeatable/21_publish.sql` makes a group's rows visible in one transaction; which of two
   versions of a row wins is in `20_publish_rows.sql`.
9. `defs/run_report` tells Dagster of each file, in batches (`dagster_runtime/file_events`).
10. `loading/loader` clears the server (AFTER_LOAD), and notes why what failed has failed.

The rooms: `defs` is what Dagster shows; `dagster_runtime` how it is run, stored and asked, and the
only place for its private names; `loading` files on their way; `artifacts` what is kept of them;
`store` the ledger and the tables; `embedded_postgres` a server of our own; `processes` what `saft
up` keeps alive; `saft` the format and its rules; `sftp` the protocol; `alerts`, `reports`, `web`,
`cli`, `demo` what their names say. Who may import whom is a table in `test_layout`.

To add

- a column: a migration in `store/migrations` with its comment (and its checksum in `test_schema`),
  its Portuguese label in `reports/portuguese`. Of rows: last of its table in `saft/fields`, since
  staging has that order, and in `store/repeatable/20_publish_rows.sql`. Of the ledger, from the
  Header: `LEDGER_FACTS` in `loading/file_load`, `10_staging.sql` and `21_publish.sql` beside it.
  Descriptions and lineage follow (`store/catalog`, `defs/table_schema`).
- a check: a rule in `saft/rules/registry` and where it is looked for in `saft/rules`; its name in
  `saft/rules/checks`, its asset in `defs/file_checks` (else `invoices`), the lists in
  `.env.example` and `.deploy/checks.md`.
- a setting: a field in `settings/model`, a line in `.env.example`; a duration or list also in its
  validator there. Of a source: its key in `component`, and, without `sftp_` before it, in
  `settings/sources_file`.
- a command: a module in `cli`, its name in `cli/app`, a line in README's table of commands.
- a report: a module in `reports`, its question in `store/repeatable/51_reports.sql` and
  `store/reports`, its name in `reports/making` (web and `saft export` follow), `cli/report` (with
  its help) and README's table of commands, its words in `reports/portuguese`, the kinds of its
  columns in `reports/columns`; `making` says, too, which filters it refuses. As an asset:
  `defs/report_assets` (`invoices` among its `deps`, or no change has it made), `REPORT_ASSETS` in
  `dagster_runtime/names`, and in `defs/table_schema` the lineage of its columns, its numbers, and
  the view whose comments say what they mean.
- a view: `store/repeatable/52_views.sql`, with a comment on it and on each column; its order,
  company and day in `53_export.sql`; `.deploy/readers.md`.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """`SaftFolder`, made when it is asked for: it needs Dagster, which takes a second."""
    if name != "SaftFolder":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from saft_pipeline.component import SaftFolder

    return SaftFolder


def __dir__() -> list[str]:
    return ["SaftFolder", "__version__"]
