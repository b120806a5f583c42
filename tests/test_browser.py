"""Journeys through the running app in a headless Chromium, on a fresh server each."""

import re

import pytest
from playwright.sync_api import expect

from pages.common import words
from retrieval import archive as archives
from retrieval.synthetic import write_ct_series
from tests.browsing import MARKS, PATIENCE, quiet, served

HOSTILE = "![t](http://tracker.example/t.gif)<img src=x onerror=alert(1)>.dcm"

pytestmark = MARKS


@pytest.fixture
def server(tmp_path):
    """The address of an app that nobody has visited yet."""
    with served("app.py", tmp_path) as address:
        yield address


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
