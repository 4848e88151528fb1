"""Rows into the tables, and back out as DataFrames. The only way that rows reach the tables."""

from typing import TYPE_CHECKING

import dagster as dg

from saft_pipeline import __version__
from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.names import LINKS, PUBLISHING
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.file_load import GroupRows

if TYPE_CHECKING:
    import pandas as pd


class TablesIOManager(dg.ConfigurableIOManager):
    """Stages a group's rows table by table; the ledger's own rows come last and publish all.

    The links between files and invoices are made by publishing, from what was staged.
    """

    pipeline: dg.ResourceDependency[Pipeline]

    def handle_output(self, context: dg.OutputContext, obj: GroupRows) -> None:
        """Write the rows of the asset's table; `BATCH_SIZE_*` rows at a time."""
        table, store = context.asset_key.path[-1], self.pipeline.store
        if table == PUBLISHING:
            obj.outcomes = store.publish(
                obj.owner, obj.publications, run_id=context.run_id, saft_version=__version__
            )
        elif table != LINKS:
            store.stage(obj.spools(table))

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        """The rows that the asset's partitions (files) hold, in one DataFrame; without any, all.

        Amounts are `Decimal`, dates `date` or `Timestamp`; absent is None or NaT.
        """
        import pandas as pd

        store = self.pipeline.store
        if context.has_asset_partitions:
            keys = [partitions.ledger_key(p) for p in context.asset_partition_keys]
        else:
            keys = [file.key for file in store.files(state="loaded")]
        columns, rows = store.rows(context.asset_key.path[-1], keys)
        return pd.DataFrame(rows, columns=columns)
