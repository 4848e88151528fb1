"""The API of a test's installation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saft_pipeline_tests.api.serving import Api, serving
from saft_pipeline_tests.fixtures.project import Project


@pytest.fixture
def api(project: Project) -> Iterator[Api]:
    """The API of `project`, without a token."""
    with serving(project.settings) as running:
        yield running
