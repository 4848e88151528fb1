"""Reports over the tables, with pandas. Nothing here knows Dagster, nor how a report is asked for.

`selection` says of what, `vat`, `sales`, `files` and `gaps` compute a `report.Report` each, `page`
and `charts` show it; `export` writes it, and tables and views, as CSV, XLSX or Parquet. What has
a million rows is added up by the store; pandas gets the sums.
"""
