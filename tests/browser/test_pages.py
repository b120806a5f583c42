"""Journeys through the running app in a headless Chromium, on a fresh server each."""

import re

import pytest
from playwright.sync_api import expect

from pages.common.shell import texts
from retrieval.archives import archive as archives
from retrieval.data.synthetic import write_ct_series
from tests.browsing import MARKS, PATIENCE, quiet, served

HOSTILE = "![t](http://tracker.example/t.gif)<img src=x onerror=alert(1)>.dcm"

pytestmark = MARKS


@pytest.fixture
def server(tmp_path):
    """The address of an app that nobody has visited yet."""
    with served("app.py", tmp_path) as address:
        yield address


def ask(page, *files):
    """Upload pairs (name, bytes) and wait for their matches."""
    page.locator("input[type=file]").first.set_input_files(
        [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
    )
    expect(page.get_by_text(re.compile("10 nearest of"))).to_be_visible(timeout=PATIENCE)
    quiet(page)


def test_from_a_dicom_file_to_the_ranked_list(server, page, tmp_path):
    page.goto(server)
    expect(page.get_by_role("heading", name=texts.SEARCH.heading)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(texts.NOT_FOR_DIAGNOSIS).first).to_be_visible()
    slices = write_ct_series(tmp_path / "series", slices=3, pixels=256)
    ask(page, (HOSTILE, slices[1].read_bytes()))
    ranks = [int(text.split(".")[0]) for text in titles(page).all_inner_texts()]
    assert ranks[0] == 1 and ranks == sorted(set(ranks))
    folded = page.get_by_text(re.compile(r"^Also ranks? [\d, ]+")).all_inner_texts()
    behind = [int(rank) for text in folded for rank in re.findall(r"\d+", text)]
    assert sorted(ranks + behind) == list(range(1, 11))
    either = re.compile(f"^({texts.OTHER_FINDING}|{texts.NEAREST_DISAGREES})$")
    expect(page.get_by_text(either)).to_be_visible()
    expect(page.get_by_text("256 × 256 pixels, DICOM, CT")).to_be_visible()
    images = page.locator("[data-testid=stImage] img")
    assert images.count() == len(ranks) + 1
    assert all(image.get_attribute("alt") for image in images.all())
    page.screenshot(path=tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 20_000


def titles(page):
    return page.get_by_text(re.compile(r"^\d+\. "))


def test_a_series_is_windowed_stepped_through_and_compared(server, page, tmp_path):
    page.goto(server)
    slices = write_ct_series(tmp_path / "series", slices=5, pixels=256)
    ask(page, *((path.name, path.read_bytes()) for path in reversed(slices)))
    expect(page.get_by_text("Slice (of 5, ordered by position)")).to_be_visible()
    picture = page.get_by_role("img", name=re.compile("Your scan, which was asked about"))
    picture.click()
    page.keyboard.press("1")
    expect(page.get_by_text("W 400 L 40 HU").first).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_text("W 1500 L -600 HU").first).to_be_visible()
    page.keyboard.press("3")
    page.get_by_role("button", name="Compare").nth(1).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(re.compile(r"^1\. .* bits differ"))).to_be_visible()
    expect(dialog.get_by_role("img")).to_have_count(2)
    expect(dialog.get_by_text("W 2500 L 480 HU")).to_be_visible()  # as the scan was left
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(16):
        reached.add(page.evaluate("document.activeElement.textContent"))
        page.keyboard.press("Tab")
    assert {"Lung", "Invert", "Link"} <= reached
    page.keyboard.press("n")
    expect(dialog.get_by_text(re.compile(r"^2\. .* bits differ"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    scale = page.get_by_text(re.compile("^How far all 252 cases are"))
    before = scale.inner_text()
    page.get_by_role("slider").first.press("Home")
    expect(scale).not_to_have_text(before)


def test_a_sample_by_keyboard_then_archive_and_page_changes_keep_it(server, page):
    opened = [archives.open_archive(name) for name in archives.shipped()]
    other = next(one for one in opened if one.pack is None)
    title = texts.archive_title(other.name)
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
    expect(page.get_by_role("heading", name=texts.METHOD.heading)).to_be_visible()
    page.get_by_role("link", name="Search").click()
    expect(summary).to_be_visible(timeout=PATIENCE)
    assert f"10 nearest of {len(other)}:" in summary.inner_text()


@pytest.mark.parametrize("target", [texts.EVALUATION], ids=lambda target: target.path)
def test_a_deep_link_lands_inside_the_frame(server, page, target):
    page.goto(f"{server}/{target.path}")
    expect(page.get_by_role("heading", name=target.heading)).to_be_visible(timeout=PATIENCE)
    quiet(page)
    for other in texts.PAGES:
        expect(page.get_by_role("link", name=other.menu).first).to_be_visible()
    expect(page.get_by_text(texts.NOT_FOR_DIAGNOSIS)).to_have_count(2)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    charts = page.locator(".js-plotly-plot")
    expect(charts).to_have_count(1, timeout=PATIENCE)
    page.get_by_text("Stated chances", exact=True).click()
    expect(charts).to_have_count(3, timeout=PATIENCE)
    for place in range(3):
        expect(charts.nth(place)).to_be_visible()
