"""Journeys through the running app in a headless Chromium, on a fresh server each."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect, sync_playwright

from pages.common import words
from retrieval import archive as archives
from retrieval.synthetic import write_ct_series

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "![t](http://tracker.example/t.gif)<img src=x onerror=alert(1)>.dcm"
PATIENCE = 30_000  # ms

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@pytest.fixture
def server(tmp_path):
    """The address of an app that nobody has visited yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HOME": str(tmp_path), "RETRIEVAL_DATA": str(tmp_path / "nothing")}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    process = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(address):
    for _ in range(300):
        with (
            contextlib.suppress(URLError, ConnectionError),
            urlopen(f"{address}/_stcore/health", timeout=5) as answer,
        ):
            if answer.read() == b"ok":
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all journeys."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield started
        started.close()


@pytest.fixture
def page(browser):
    """A tab that remembers what it asked for, and must not have asked the outside world."""
    context = browser.new_context(viewport={"width": 1400, "height": 2000})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    requests, dialogs = [], []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield opened
    hosts = {urlsplit(url).hostname for url in requests if urlsplit(url).scheme.startswith("http")}
    assert hosts == {"127.0.0.1"} and not dialogs
    expect(opened.get_by_test_id("stException")).to_have_count(0)
    context.close()


def quiet(page):
    page.wait_for_selector(
        "[data-testid='stApp'][data-test-connection-state='CONNECTED']"
        "[data-test-script-state='notRunning']"
    )


def test_from_a_dicom_file_to_the_ranked_list(server, page, tmp_path):
    page.goto(server)
    expect(page.get_by_role("heading", name=words.SEARCH.heading)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(words.NOT_FOR_DIAGNOSIS).first).to_be_visible()
    slices = write_ct_series(tmp_path / "series", slices=3, pixels=256)
    data = slices[1].read_bytes()
    page.locator("input[type=file]").set_input_files(
        {"name": HOSTILE, "mimeType": "application/dicom", "buffer": data}
    )
    expect(page.get_by_text(re.compile("10 nearest of"))).to_be_visible(timeout=PATIENCE)
    quiet(page)
    titles = page.get_by_text(re.compile(r"^\d+\. "))
    assert [int(text.split(".")[0]) for text in titles.all_inner_texts()] == list(range(1, 11))
    distances = page.get_by_text(re.compile(r"^\d+ of \d+ bits")).all_inner_texts()
    numbers = [int(text.split()[0]) for text in distances]
    assert len(numbers) == 10 and numbers == sorted(numbers)
    expect(page.get_by_text("256 × 256 pixels, DICOM, CT")).to_be_visible()
    images = page.locator("[data-testid=stImage] img")
    assert images.count() == 11 and all(image.get_attribute("alt") for image in images.all())
    page.screenshot(path=tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 20_000


def test_a_sample_by_keyboard_then_archive_and_page_changes_keep_it(server, page):
    opened = [archives.open_archive(name) for name in archives.shipped()]
    other = next(one for one in opened if not (one.folder / "pictures").is_dir())
    title = words.archive_title(other.name)
    page.goto(server)
    button = page.get_by_role("button", name="Use this scan").first
    button.wait_for()
    button.focus()
    page.keyboard.press("Enter")
    summary = page.get_by_text(re.compile(r"10 nearest of"))
    expect(summary).to_be_visible(timeout=PATIENCE)
    before = summary.inner_text()
    page.get_by_role("radio", name=title, exact=True).click()
    expect(summary).not_to_have_text(before)
    page.wait_for_url(f"**archive={title}*")
    page.get_by_role("link", name="Method").click()
    expect(page.get_by_role("heading", name=words.METHOD.heading)).to_be_visible()
    page.get_by_role("link", name="Search").click()
    expect(summary).to_be_visible(timeout=PATIENCE)
    assert f"10 nearest of {len(other)}:" in summary.inner_text()


@pytest.mark.parametrize("target", [words.EVALUATION], ids=lambda target: target.path)
def test_a_deep_link_lands_inside_the_frame(server, page, target):
    page.goto(f"{server}/{target.path}")
    expect(page.get_by_role("heading", name=target.heading)).to_be_visible(timeout=PATIENCE)
    quiet(page)
    for other in words.PAGES:
        expect(page.get_by_role("link", name=other.menu).first).to_be_visible()
    expect(page.get_by_text(words.NOT_FOR_DIAGNOSIS)).to_have_count(2)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    charts = page.locator(".js-plotly-plot")
    expect(charts).to_have_count(3, timeout=PATIENCE)
    for place in range(3):
        expect(charts.nth(place)).to_be_visible()
