"""What Celery's command loads to be a worker: `celery -A saft_pipeline.worker worker`.

`app`, made when it is first asked for, is that of the instance's run launcher: there is one
configuration. Its processes are forked with Dagster and the definitions loaded.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from typing import Any

from saft_pipeline import settings
from saft_pipeline.dagster_runtime.instance import environment, open_instance
from saft_pipeline.dagster_runtime.names import LOCATION


def __getattr__(name: str) -> Any:
    """Give `app` to Celery; a setting to mend ends the program: starting again won't help."""
    if name != "app":
        raise AttributeError(name)
    try:
        return _app()
    except settings.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


@cache
def _app() -> Any:
    given = settings.load()
    if given.redis_url is None:
        raise settings.SettingsError("REDIS_URL: missing; a worker gets its runs from there")
    from saft_pipeline.dagster_runtime.celery_launcher import worker_app

    import_module(LOCATION)
    # Its processes execute runs in the instance that dagster-celery asks the environment for.
    os.environ.update(environment(given))
    with open_instance(given) as instance:
        return worker_app(instance)
