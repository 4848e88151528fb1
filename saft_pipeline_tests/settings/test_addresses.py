"""The status page's address, as far as the settings know it."""

from __future__ import annotations

from pathlib import Path

import pytest

from saft_pipeline.settings import load
from saft_pipeline.settings.addresses import page_url

EVERYWHERE = {"API_HOST": "0.0.0.0", "API_TOKEN": "t" * 40}


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:8000/"),
        ({"API_HOST": "::1", "API_PORT": "81"}, "http://[::1]:81/"),
        (EVERYWHERE, None),
        ({**EVERYWHERE, "WEB_HOSTS": "saft.example,other"}, "http://saft.example:8000/"),
    ],
)
def test_the_address_is_told_where_it_is_known(
    given: dict[str, str], address: str | None, tmp_path: Path
) -> None:
    assert page_url(load(given, tmp_path / "none")) == address
