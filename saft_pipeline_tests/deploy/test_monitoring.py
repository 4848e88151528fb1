"""Grafana's dashboard and Prometheus's rules ask for figures that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from saft_pipeline.web import metrics
from saft_pipeline.web.services import services
from saft_pipeline_tests.fixtures.project import Polled

DEPLOY = Path(__file__).parents[2] / ".deploy"
RULES = DEPLOY / "prometheus" / "saft_alerts.yaml"
DASHBOARD = DEPLOY / "grafana" / "saft.json"


@pytest.fixture(scope="module")
def figures(polled: Polled) -> dict[str, set[str]]:
    """The metrics that there are, with the values of their labels."""
    with services(polled.project.settings) as opened:
        text = metrics.text(opened).decode()
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(saft_\w+)(?:{(.*)})? ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'"([^"]*)"', labels))
    return found


def asked() -> list[str]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return [t["expr"] for p in panels for t in p["targets"]] + [r["expr"] for r in rules]


@pytest.mark.parametrize("expression", asked())
def test_every_figure_that_is_asked_for_is_there(
    figures: dict[str, set[str]], expression: str
) -> None:
    for name, labels in re.findall(r"(saft_\w+)(?:{([^}]*)})?", expression):
        assert name in figures
        wanted = {v for text in re.findall(r'"([^"]*)"', labels) for v in text.split("|")}
        # What has not happened yet has no label of its own.
        assert wanted <= figures[name] | {"success", "skipped", "failure"}


def test_every_alert_says_what_is_wrong_and_where_to_look() -> None:
    for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]:
        assert {"summary", "description"} <= rule["annotations"].keys()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (prometheus)")
def test_promtool_finds_nothing_in_the_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
