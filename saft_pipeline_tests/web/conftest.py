"""The API of a test's installation, and one for all tests of a module that only look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saft_pipeline.settings import load
from saft_pipeline_tests.fixtures.project import Polled, Project
from saft_pipeline_tests.web.serving import Api, serving


@pytest.fixture
def api(project: Project) -> Iterator[Api]:
    """The API of `project`, without a token."""
    with serving(project.settings) as running:
        yield running


@pytest.fixture(scope="module")
def looked(polled: Polled) -> Iterator[Api]:
    """The API of an installation that has loaded files, without a token."""
    with serving(polled.project.settings) as running:
        yield running


@pytest.fixture(scope="module")
def orphaned(polled: Polled) -> Iterator[Api]:
    """An API whose database is down."""
    url = "postgresql://nobody:hunter2@127.0.0.1:9/nothing"
    with serving(load({**polled.project.env, "SUPABASE_DB_URL": url})) as running:
        yield running
