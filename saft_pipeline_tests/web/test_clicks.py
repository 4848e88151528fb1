"""The buttons of the status page, clicked in Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice
from saft_pipeline_tests.pictures import browser
from saft_pipeline_tests.web.serving import Api
from saft_pipeline_tests.web.test_tasks import entered

pytestmark = pytest.mark.skipif(
    not shutil.which("chromedriver"),
    reason="no browser (Debian: apt-get install chromium chromium-driver)",
)


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser(1440, 900) as driver:
        yield driver


def click(driver: webdriver.Chrome, api: Api, button: str) -> None:
    """As a person does who thinks for three seconds with the button pressed."""
    driver.get(str(api.client.base_url))
    pressed = driver.find_element(By.ID, button)
    ActionChains(driver).click_and_hold(pressed).pause(3).release().perform()


def shown(driver: webdriver.Chrome, words: str) -> bool:
    """Whether the page comes to show these words."""
    said = "return document.body.innerText.includes(arguments[0])"
    return bool(WebDriverWait(driver, 30).until(lambda d: d.execute_script(said, words)))


def test_cancel_on_the_row_of_a_run_ends_it(
    api: Api, project: Project, store: Store, driver: webdriver.Chrome
) -> None:
    task = entered(api, project, "asked.xml", one_invoice("FT K/1"))
    click(driver, api, f"cancel-{task[:8]}")
    assert shown(driver, "the run was cancelled")
    WebDriverWait(driver, 30).until_not(lambda d: d.find_elements(By.ID, f"cancel-{task[:8]}"))
    assert [f.status for f in store.files()] == ["failed"]


def test_retry_on_the_row_of_a_file_has_it_taken_again(
    api: Api, project: Project, store: Store, driver: webdriver.Chrome
) -> None:
    api.daemon.work(entered(api, project, "asked.xml", broken("FT K/2")))
    (file,) = store.files()
    click(driver, api, f"retry-{file.id}")
    assert shown(driver, "asked.xml waits in the queue")
    assert [f.status for f in store.files()] == ["running"]
