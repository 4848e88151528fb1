"""Runs as they are seen from outside: which are under way, why one failed, ending one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test
from dagster_shared.error import SerializableErrorInfo

from saft_pipeline.dagster_runtime import runs
from saft_pipeline.dagster_runtime.in_process import LocalRuns, local_runs
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import REPOSITORY_TAG, Location
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, FILES_TAG, JOB, LOCATION, SOURCE_TAG
from saft_pipeline.dagster_runtime.submission import Launcher, loaded
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.own_home import stock_home
from saft_pipeline_tests.fixtures.project import Polled, Project, one_invoice

OWNER = "claim-of-the-test"
NOBODY = '{"host": "localhost", "socket": "/nonexistent"}'


@pytest.fixture
def instance(project: Project) -> Iterator[dg.DagsterInstance]:
    """The instance with its own queue, which nobody empties."""
    with open_instance(project.settings) as instance:
        yield instance


@pytest.fixture
def claimed(project: Project, store: Store) -> LedgerFile:
    """A file that a run is about to load."""
    from saft_pipeline.loading.sources import enter_local

    file = enter_local(store, project.put("f.xml", one_invoice("FT R/1")))
    (held,) = store.claim(OWNER, lease=timedelta(minutes=2), ids=[file.id])
    return held


@pytest.fixture
def queued(instance: dg.DagsterInstance, project: Project, claimed: LedgerFile) -> str:
    """A run that waits in the queue."""
    with loaded(instance) as workspace:
        return Launcher(instance, workspace, project.settings).submit(OWNER, [claimed])


def started(instance: dg.DagsterInstance, run_id: str, **tags: str) -> str:
    """The run, as if a process had begun it."""
    run = instance.get_run_by_id(run_id)
    assert run
    instance.add_run_tags(run_id, tags)
    event = dg.DagsterEvent("PIPELINE_START", run.job_name)
    instance.report_dagster_event(event, run_id)
    return run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def expire(store: Store) -> None:
    """The run's process was killed a while ago."""
    store.renew(OWNER, timedelta(seconds=-1))


def test_a_queued_run_is_under_way(instance: dg.DagsterInstance, queued: str) -> None:
    assert queued in {r.dagster_run.run_id for r in runs.unfinished(instance, Location())}


def ahead(instance: dg.DagsterInstance, location: str = LOCATION, source: str = "file") -> int:
    return runs.ahead(instance, Location(location), source)


def test_queued_runs_are_counted_by_source_where_there_is_a_queue(
    project: Project, instance: dg.DagsterInstance, queued: str
) -> None:
    count = ahead(instance)  # of other tests, too
    assert ahead(instance, source="another") == 0
    instance.run_coordinator.cancel_run(queued)
    assert ahead(instance) == count - 1
    with local_runs(project.settings) as local:
        assert ahead(local.instance) == 0


def test_a_neighbours_runs_of_a_source_of_the_same_name_are_not_counted(
    instance: dg.DagsterInstance, queued: str
) -> None:
    assert ahead(instance) > ahead(instance, "sales") == 0


def test_runs_that_work_are_counted_where_there_is_no_queue() -> None:
    kind = {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}
    config = {"run_coordinator": kind}
    with stock_home() as home, dg.DagsterInstance.local_temp(str(home), config) as stock:
        tags = {SOURCE_TAG: "file", REPOSITORY_TAG: Location().label}
        for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS):
            create_run_for_test(stock, JOB, status=status, tags=tags)
        assert ahead(stock) == 1


def test_a_launched_run_is_one_of_the_job_for_the_file_s_partition(
    instance: dg.DagsterInstance, queued: str
) -> None:
    run = instance.get_run_by_id(queued)
    assert run
    assert run.job_name == "load_files_job"
    assert run.tags.keys() >= {CLAIM_TAG, "saft/files", "dagster/partition"}
    assert run.remote_job_origin
    assert run.remote_job_origin.location_name == "saft_pipeline.definitions"


def test_an_ended_run_is_not_under_way(polled: Polled) -> None:
    found = {r.dagster_run.run_id for r in runs.unfinished(polled.runs.instance, Location())}
    assert polled.run.run_id not in found


def test_a_cancelled_run_leaves_the_queue_and_its_file_is_failed(
    instance: dg.DagsterInstance, store: Store, queued: str
) -> None:
    runs.cancel(instance, Location(), store, queued)
    assert status(instance, queued) == dg.DagsterRunStatus.CANCELED
    (file,) = store.files()
    assert (file.status, file.run_id) == ("failed", queued)
    assert "cancelled" in str(file.error)


def test_a_cancelled_file_is_taken_again_on_retry_only(
    instance: dg.DagsterInstance, store: Store, queued: str
) -> None:
    runs.cancel(instance, Location(), store, queued)
    assert store.claim("another", lease=timedelta(minutes=1)) == []
    store.retry(paths=None)
    assert len(store.claim("another", lease=timedelta(minutes=1))) == 1


def test_a_run_of_another_command_that_shows_life_is_left_alone(
    instance: dg.DagsterInstance, store: Store, queued: str
) -> None:
    started(instance, queued)
    with pytest.raises(runs.NotCancelledError, match="Ctrl-C"):
        runs.cancel(instance, Location(), store, queued)
    assert [f.status for f in store.files()] == ["running"]


@pytest.mark.parametrize("tags", [{}, {GRPC_INFO_TAG: NOBODY}])
def test_a_run_whose_process_is_gone_is_noted_as_cancelled(
    instance: dg.DagsterInstance, store: Store, queued: str, tags: dict[str, str]
) -> None:
    started(instance, queued, **tags)
    expire(store)
    runs.cancel(instance, Location(), store, queued)
    assert status(instance, queued) == dg.DagsterRunStatus.CANCELED
    assert [f.status for f in store.files()] == ["failed"]


def test_an_ended_run_can_t_be_cancelled(polled: Polled) -> None:
    with pytest.raises(runs.NotCancelledError, match="failure"):
        runs.cancel(polled.runs.instance, Location(), polled.store, polled.run.run_id)


def test_a_run_that_nobody_launched_can_t_be_cancelled(polled: Polled) -> None:
    with pytest.raises(runs.UnknownRunError, match="saft active"):
        runs.cancel(polled.runs.instance, Location(), polled.store, "nothing")


def test_the_reason_of_a_failed_run_names_its_files(polled: Polled) -> None:
    reason = runs.reason(polled.runs.instance, polled.run.run_id)
    assert "broken.xml" in reason
    assert "Traceback" not in reason


def test_a_run_without_a_word_has_a_reason(instance: dg.DagsterInstance, queued: str) -> None:
    assert "killed" in runs.reason(instance, queued)


def test_an_error_is_told_by_its_root_alone() -> None:
    root = SerializableErrorInfo(
        "a.b.DeepError: what went wrong: here\n", ["  File x"], "DeepError"
    )
    outer = SerializableErrorInfo("Outer: around it", ["  File y"], "Outer", cause=root)
    assert runs.plain_reason(outer) == "what went wrong: here"


@pytest.fixture(name="here")
def _here(request: pytest.FixtureRequest) -> LocalRuns:
    """The fixture `runs`, which is the name of the module here."""
    found: LocalRuns = request.getfixturevalue("runs")
    return found


@pytest.fixture
def silent(here: LocalRuns) -> dg.DagsterRun:
    """A run that began, and of which nothing was heard since."""
    started = dg.DagsterRunStatus.STARTED
    tags = {CLAIM_TAG: OWNER}
    made: dg.DagsterRun = create_run_for_test(here.instance, JOB, status=started, tags=tags)
    return made


def test_a_run_that_is_silent_and_holds_no_lease_is_ended(
    here: LocalRuns, store: Store, silent: dg.DagsterRun
) -> None:
    assert silent.run_id in runs.end_dead_runs(here.instance, Location(), store, 0)
    assert status(here.instance, silent.run_id) == dg.DagsterRunStatus.FAILURE


def test_a_run_that_was_heard_of_lately_goes_on(
    here: LocalRuns, store: Store, silent: dg.DagsterRun
) -> None:
    assert silent.run_id not in runs.end_dead_runs(here.instance, Location(), store, 60)
    assert status(here.instance, silent.run_id) == dg.DagsterRunStatus.STARTED


def test_a_run_whose_lease_is_alive_goes_on(
    project: Project, here: LocalRuns, store: Store, silent: dg.DagsterRun
) -> None:
    project.put("f.xml", one_invoice("FT D/1"))
    here.tick()
    ids = [file.id for file in store.files()]
    store.release(store.files()[0].claimed_by or "")
    store.claim(OWNER, lease=timedelta(minutes=1), ids=ids)
    assert silent.run_id not in runs.end_dead_runs(here.instance, Location(), store, 0)


def test_a_tag_that_is_no_number_stops_nobody_who_counts_files() -> None:
    counted = [
        runs.number_of_files(dg.DagsterRun("job", tags={FILES_TAG: told}))
        for told in ("3", "many", "")
    ]
    assert counted == [3, 1, 1]
