"""Starts Celery's workers, waits until they are warm, and times them over one folder.

`python -m saft_pipeline_tests.benchmarks.baselines.celery_driver PROCESSES`
"""
# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import group

from saft_pipeline_tests.benchmarks.baselines import celery_app
from saft_pipeline_tests.benchmarks.baselines.servers import given_servers


@contextmanager
def workers(redis_url: str, processes: int) -> Iterator[None]:
    """A pool of worker processes, each with its connections open."""
    options = ["--concurrency", str(processes), "--loglevel", "WARNING", "-O", "fair"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    urls = ["--broker", redis_url, "--result-backend", redis_url]
    command = [sys.executable, "-m", "celery", "--app", celery_app.__name__, *urls]
    process = subprocess.Popen([*command, "worker", *options, *quiet], stdout=sys.stderr)
    try:
        warmed = group(celery_app.warm.s() for _ in range(4 * processes)).apply_async()
        warmed.get(timeout=60)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def process_folder(folder: str) -> int:
    """A task for each file of the folder, waited for; gives how many."""
    names = celery_app.sftp().listdir(folder)
    paths = [f"{folder}/{name}" for name in sorted(names) if name.endswith(".xml")]
    results = group(celery_app.process_file.s(path) for path in paths).apply_async().get()
    return sum(result["status"] == "success" for result in results)


def main() -> None:
    """Print how many files were processed and in how many seconds, workers warm."""
    servers = given_servers()
    celery_app.app.conf.update(broker_url=servers.redis_url, result_backend=servers.redis_url)
    celery_app.create_tables()
    with workers(servers.redis_url, int(sys.argv[1])):
        started = time.perf_counter()
        files = process_folder(servers.sftp_folder)
        seconds = time.perf_counter() - started
    print(json.dumps({"files": files, "seconds": seconds}))  # noqa: T201


if __name__ == "__main__":
    main()
