"""How Dagster is run, stored and asked: the one folder that uses private names of it.

What has no public way is here, with what breaks when it changes and the test that says so first
(in the same folder of the tests).

| private name | module | what for | when it changes | pinned by |
| --- | --- | --- | --- | --- |
| `_daemon.sensor._evaluate_sensor`, `SensorLaunchContext`, `InstigatorState`, `InstigatorStatus`,
  `InstigatorType`, `TickData`, `TickStatus`, `RemoteSensor`, `SensorInstigatorData`,
  `DagsterUserCodeProcessError` | in_process | the daemon's own tick, here | `saft poll` fails at
  once | test_in_process |
| `_core.execution.api.execute_run`, `ReconstructableJob`, `DagsterExecutionInterruptedError`,
  `RunFailureReason` | in_process | a run in this process, and why it ended | `saft poll`, `saft
  ingest` fail at once | test_in_process |
| `RunLauncher`, `LaunchRunContext`, `ConfigurableClass`, `ConfigurableClassData` | waiting_runs,
  storage, celery_launcher | parts that dagster.yaml names | no instance opens | test_instance |
| `QueuedRunCoordinator` | instance | whether runs wait in a queue | `saft check` can't tell |
  test_check, in cli |
| `InProcessCodeLocation`, `WorkspaceProcessContext`, `InProcessCodeLocationOrigin`,
  `LoadableTargetOrigin`, `InProcessWorkspaceLoadTarget` | submission, in_process | the definitions
  in this process; a run into the queue | the API launches nothing | test_runs |
| `WorkspaceProcessContext`, `GrpcServerTarget` | webserver | Dagster's page over our code server |
  `saft up` has no page | test_terminated, in cli |
| `RegisteredCodeLocationOrigin`, `RemoteInstigatorOrigin`, `RemoteJobOrigin`,
  `RemoteRepositoryOrigin`, `InstigatorSelector`, `InstigatorState`, `InstigatorType`,
  `SensorInstigatorData`, the tag `.dagster/repository` | location | where our definitions are;
  which runs are ours | the API refuses, alerts see no run | test_neighbourhood |
| `instance.ref.InstanceRef` | instance | parts replaced for one process | `saft poll` fails |
  test_instance |
| `instigation.InstigatorTick`, `TickStatus`, `SensorInstigatorData` | sensor_ticks | a tick
  now; finding it again | `POST /api/process-sftp` waits | test_sensor_ticks |
| `store_event_batch` | storage, file_events | a backfill's plans at once; events elsewhere |
  a backfill is slow; one warning a run | test_storage, test_run_report in defs |
| `DagsterUserCodeUnreachableError`, `DagsterUserCodeProcessError`, `GRPC_INFO_TAG`,
  `dagster_shared.error.SerializableErrorInfo` | runs, in_process, celery_launcher | why something
  failed; ending a run | reasons are classes and traces | test_runs |
| `plan.active.CONCURRENCY_CLAIM_MESSAGE_INTERVAL`, the metadata `pool` of an engine event | runs |
  which run waits for its pool | such a run is taken for dead | test_pool |
| `events.AssetMaterializationPlannedData`, `AssetObservationData`, `StepMaterializationData` |
  event_json | the events of many files at once | events that Dagster can't read | test_event_json |
| `plan.outputs.StepOutputHandle`, `OutputDefinition._is_required`,
  `AssetCheckExecutionRecordStatus` | step_outputs, storage, runs | the IO manager's context; checks
  that are optional | the step fails, or costs three events a check | test_file_events |
| `SqlEventLogStorage`, the tables of `_core.storage` | retention | deleting history | prune fails,
  deleting nothing | test_retention |
| `dagster_postgres.*`, `ASSET_KEY_INDEX_COLS` | storage | a pooled engine, batched
  inserts | no instance opens | test_storage |
| `SqlEventLogStorage._event_to_row`, `_init_db`, the names of its indexes | storage | short events;
  less and smaller indexes | history grows by a third | test_compact_json, test_storage |
| `dagster_celery.*` | celery_launcher | runs on several machines | workers do not start |
  test_celery_launcher |
| `_grpc.server.DagsterApiServer`, its `_mp_ctx` | forked_runs | how a run's process begins | each
  run imports all anew, for seconds | test_supervisor, in processes |
| `python -m dagster._daemon`, `sensor.MIN_INTERVAL_LOOP_TIME`, `SpanMarker`,
  `core_loop` and `run_iteration` of `QueuedRunCoordinatorDaemon`, `QueuedRunCoordinator`,
  `serializable_error_info_from_exc_info` | prompt_daemon | the daemon under `saft up`, which waits
  for no turn of a loop | `saft up` says that it ended, or a new file waits seconds longer |
  test_prompt_daemon; test_supervisor, in processes |
"""
