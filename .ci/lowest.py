"""Constraints for pip: each requirement of pyproject.toml at its lower bound: `name==version`."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
ours = (extras[extra] for extra in extras if extra != "dev")
for requirement in chain(project["dependencies"], *ours):
    if found := re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?>=([0-9.]+)", requirement):
        print(f"{found[1]}=={found[2]}")  # noqa: T201 - for pip to read
