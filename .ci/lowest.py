"""Constraints for pip: each requirement of pyproject.toml at its lower bound: `name==version`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
for requirement in (*project["dependencies"], *project["optional-dependencies"]["scale"]):
    if found := re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?>=([0-9.]+)", requirement):
        print(f"{found[1]}=={found[2]}")  # noqa: T201 - for pip to read
