"""Rows into the tables, and back out as DataFrames. The only way that rows reach the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.names import LINKS, PUBLISHING
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.file_load import Load
from saft_pipeline.loading.loader import Loader

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class GroupRows:
    """One table's rows of a group of files, still where reading them left them."""

    loads: Sequence[Load]
    loader: Loader


class TablesIOManager(dg.ConfigurableIOManager):
    """Stages a group's rows table by table; the ledger's own rows come last and publish all.

    The links between files and invoices are made by publishing, from what was staged.
    """

    pipeline: dg.ResourceDependency[Pipeline]

    def handle_output(self, context: dg.OutputContext, obj: GroupRows) -> None:
        """Write the rows of the asset's table; `BATCH_SIZE_*` rows at a time."""
        table = context.asset_key.path[-1]
        if table == PUBLISHING:
            obj.loader.publish(obj.loads)
        elif table != LINKS:
            obj.loader.stage(table, obj.loads)

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        """The rows that the asset's partitions (files) hold, in one DataFrame.

        Amounts are `Decimal`, dates `date` or `Timestamp`; absent is None or NaT.
        """
        import pandas as pd

        keys = [partitions.ledger_key(p) for p in context.asset_partition_keys]
        columns, rows = self.pipeline.store.rows(context.asset_key.path[-1], keys)
        return pd.DataFrame(rows, columns=columns)
