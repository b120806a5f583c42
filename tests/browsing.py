"""A served app, a headless Chromium and a tab in it, for the tests that drive a browser."""

import contextlib
import os
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

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 120_000  # ms; a busy machine is slow

MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@contextlib.contextmanager
def served(script, home):
    """The address of a Streamlit script, run with the app's settings until the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HOME": str(home), "RETRIEVAL_DATA": str(home / "nothing")}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
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
        process.wait(timeout=120)


def wait_for(address):
    for _ in range(1200):
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
    """Wait until the script of a page has run to its end."""
    page.wait_for_selector(
        "[data-testid='stApp'][data-test-connection-state='CONNECTED']"
        "[data-test-script-state='notRunning']"
    )
