"""Takes the README's pictures: `python -m saft_pipeline_tests.pictures`.

Runs the demo in a folder of its own and looks at it, and at a report of what it loaded, with
headless Chromium (Debian: chromium and chromium-driver). The pictures are written to `.pictures/`
of the checkout.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from saft_pipeline.demo.companies import BRANCHES
from saft_pipeline.processes.supervisor import free_port

FOLDER = Path(__file__).parents[1] / ".pictures"
_SAFT = (sys.executable, "-c", "from saft_pipeline.cli import main; main()")
_ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
)
# Stack traces name files: where the checkout lies is nobody's affair.
_ELSEWHERE = """
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const text = texts.currentNode;
  if (text.data.includes(arguments[0])) text.data = text.data.replaceAll(arguments[0], "/opt/saft");
}
"""


@contextlib.contextmanager
def demo() -> Iterator[tuple[str, str, Path]]:
    """A demo whose samples are settled: Dagster's page, the status page, and a report as a page."""
    home, port, ours = Path(tempfile.mkdtemp(prefix="saft-")), free_port(3000), free_port(8000)
    env = {**os.environ, "SAFT_HOME": str(home), "DAGSTER_PORT": str(port), "API_PORT": str(ours)}
    process = subprocess.Popen([*_SAFT, "demo"], env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            sys.stderr.write(line)
            if "Ctrl-C" in line:
                break
        report, company = home / "report.html", BRANCHES[0].company.tax_registration_number
        words = ["report", "vat", "--company", company, "--html", str(report)]
        subprocess.run([*_SAFT, *words], env=env, check=True)
        yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{ours}/", report
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def browser(width: int, height: int) -> Iterator[webdriver.Chrome]:
    """Headless Chromium."""
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in (*_ARGUMENTS.split(), f"--window-size={width},{height}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def ask(url: str, query: str) -> Any:
    """The answer of Dagster's GraphQL."""
    request = urllib.request.Request(
        f"{url}/graphql",
        json.dumps({"query": query}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def found_last(url: str, home: Path, check: str) -> None:
    """Have a file in which a check found something loaded last, in other bytes: it is read anew."""
    with urllib.request.urlopen(f"{url}api/files?limit=1000", timeout=30) as answer:
        files = json.load(answer)["files"]
    path = next(f["path"] for f in files if any(w["code"] == check for w in f["warnings"]))
    content = (home / "demo" / "inbox" / "shops" / path).read_bytes()
    copy = home / Path(path).name
    copy.write_bytes(content + b"\n")
    subprocess.run(
        [*_SAFT, "ingest", str(copy)], env={**os.environ, "SAFT_HOME": str(home)}, check=True
    )


def take(driver: webdriver.Chrome, url: str, name: str, *, shows: str) -> None:
    """One picture, once the page shows a text and has come to rest."""
    driver.get(url)
    WebDriverWait(driver, 60).until(
        lambda d: shows in d.find_element(By.TAG_NAME, "body").text, f"{url} never shows {shows!r}"
    )
    WebDriverWait(driver, 60).until(
        lambda d: "Loading" not in d.find_element(By.TAG_NAME, "body").text, f"{url} loads on"
    )
    time.sleep(4)
    driver.execute_script(_ELSEWHERE, str(FOLDER.parent))
    driver.save_screenshot(str(FOLDER / f"{name}.png"))


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with demo() as (url, status, report), browser(1440, 900) as driver:
        take(driver, status, "status", shows="connected")
        take(driver, report.as_uri(), "report", shows="TaxPayable")
        runs = ask(url, "{runsOrError {... on Runs {results {runId status}}}}")
        ended = {run["status"]: run["runId"] for run in runs["runsOrError"]["results"]}
        statuses = "... on DefaultPartitionStatuses {failedPartitions materializedPartitions}"
        asset = '{assetNodeOrError(assetKey: {path: ["invoice_files"]}) {... on AssetNode {'
        found = ask(url, asset + "assetPartitionStatuses {" + statuses + "}}}}")
        partitions = found["assetNodeOrError"]["assetPartitionStatuses"]
        page = f"{url}/assets/invoice_files?view="
        failed, good = partitions["failedPartitions"][0], partitions["materializedPartitions"][0]
        group = "locations/__repository__@saft_pipeline.definitions/asset-groups/saft/lineage"
        take(driver, f"{page}partitions&partition={good}", "file", shows="warnings")
        found_last(status, report.parent, "gross_total")
        check = f"{url}/assets/invoices?view=checks&checkDetail=gross_total"
        take(driver, check, "check", shows="first findings")
        take(driver, f"{page}events&partition={failed}", "failed-file", shows="reason")
        take(driver, f"{url}/runs/{ended['FAILURE']}", "run", shows="RUN_FAILURE")
        # Below that Dagster leaves the boxes empty.
        driver.set_window_size(1920, 1080)
        take(driver, f"{url}/{group}", "lineage", shows="invoice_file_links")


if __name__ == "__main__":
    main()
