"""What a run tells Dagster of each of its files: materializations, checks, failures, tags."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import dagster as dg

from saft_pipeline.artifacts.local import Artifacts
from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.file_events import FileEvents
from saft_pipeline.dagster_runtime.names import FAILED_TAG, FILE_ASSETS, PUBLISHING, UNTOLD_TAG
from saft_pipeline.defs import file_checks, file_metadata
from saft_pipeline.defs.run_log import say_of
from saft_pipeline.defs.run_tags import CommonTags
from saft_pipeline.loading.file_load import Load
from saft_pipeline.store.model import with_path
from saft_pipeline.visible import visible

_AFTER_READING = FILE_ASSETS[1:]


class RunReport:
    """Tells Dagster what became of each file, group by group."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        block_on: Collection[str],
        artifacts: Artifacts,
        prefix: Sequence[str],
        page: str | None = None,
    ) -> None:
        """`page`: the address of our own pages, for links to it."""
        self._context = context
        self._page = page
        self._artifacts = artifacts
        alone = context.has_partition_key
        self._checks = file_checks.Evaluations(context.instance, block_on, prefix, alone=alone)
        self._events = FileEvents(context, prefix)
        self._failed: list[Load] = []
        self._tags = CommonTags()
        self._is_untold = False
        self._loaded = 0
        self._total = 0

    def add(self, loads: Sequence[Load]) -> None:
        """Materialize the good files' partitions; mark failed ones as meant but not made.

        A file that is still being uploaded is no failure: it comes again.
        """
        good = [load for load in loads if load.loaded]
        rest = [load for load in loads if not load.loaded]
        bad = [x for x in rest if x.rejection and x.rejection.state != "incomplete"]
        self._failed += bad
        self._loaded += len(good)
        self._total += len(loads)
        with self._harmless():
            self._report(loads, good, rest, bad)

    def _report(
        self,
        loads: Sequence[Load],
        good: Sequence[Load],
        rest: Sequence[Load],
        bad: Sequence[Load],
    ) -> None:
        fetched = [load for load in loads if load.fetched]
        keys = {load.file.id: _partition(load) for load in loads}
        for asset in FILE_ASSETS:
            made = fetched if asset == "raw_xml" else good
            self._events.materialized(
                asset,
                [
                    (keys[load.file.id], file_metadata.of_asset(asset, load, self._artifacts))
                    for load in made
                ],
            )
        if not self._context.has_partition_key:
            unfetched = [keys[load.file.id] for load in bad if not load.fetched]
            self._events.planned(_AFTER_READING, [keys[load.file.id] for load in bad])
            self._events.planned(["raw_xml"], unfetched)
        self._observe(rest, keys)
        self._events.checked(self._checks.of([(keys[load.file.id], load) for load in loads]))
        self._events.store()
        for load in loads:
            self._tags.add(load)
            say_of(load)

    def _observe(self, rest: Sequence[Load], keys: Mapping[int, str]) -> None:
        """Why files were not loaded, at each asset whose page shows them as failed.

        A partition's page has no place for it but among its events, one click away.
        """
        reasons = {load.file.id: file_metadata.of_failure(load, self._page) for load in rest}
        for asset in FILE_ASSETS:
            shown = [
                load
                for load in rest
                if asset == PUBLISHING or (load in self._failed and not _has(asset, load))
            ]
            self._events.observed(asset, [(keys[x.file.id], reasons[x.file.id]) for x in shown])

    def finish(self) -> None:
        """Tag the run; end it as failed if a file failed, naming each with its reason."""
        with self._harmless():
            self._events.checked(self._checks.finish())
            self._events.store()
        with self._harmless():
            tags = self._tags.tags
            if self._failed:
                tags |= {FAILED_TAG: f"{len(self._failed)} of {self._total}"}
            if self._is_untold:
                tags |= {UNTOLD_TAG: "yes"}
            if tags:
                self._context.instance.add_run_tags(self._context.run.run_id, tags)
        total = self._total
        self._context.log.info(f"{self._loaded} of {total} files loaded")
        if self._failed:
            reasons = "\n".join(map(_reason, self._failed[:20]))
            raise dg.Failure(
                f"{len(self._failed)} of {total} files not loaded; `saft status` has them all\n"
                f"{reasons}",
                metadata={"failed": file_metadata.of_failures(self._failed)},
                allow_retries=False,
            )

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """What can't be told to Dagster fails nothing: the rows are in the tables already."""
        try:
            yield
        except Exception as error:
            self._is_untold = True
            self._context.log.warning(
                "Dagster does not know of all that was done, which the ledger does (saft status): "
                f"{type(error).__name__}: {error}"
            )


def _reason(load: Load) -> str:
    return visible(with_path(load.file.path, load.error or "unknown"))


def _has(asset: str, load: Load) -> bool:
    """Whether a file that was not loaded has this asset all the same."""
    return asset == "raw_xml" and load.fetched is not None


def _partition(load: Load) -> str:
    return partitions.partition_key(load.file)
