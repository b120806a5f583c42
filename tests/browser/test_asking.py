"""In Chromium: a part drawn, a list refined, a page taken away, a lesson by keyboard alone."""

import re

import pytest
from playwright.sync_api import expect

from pages.common.shell import traces
from retrieval.archives import archive as archives
from retrieval.teaching.questions import Pool, session
from tests.browsing import MARKS, PATIENCE, quiet, served

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of an app."""
    with served("app.py", tmp_path_factory.mktemp("home")) as address:
        yield address


def sample_asked(page, server):
    page.goto(server)
    page.get_by_role("button", name="Use this scan").first.click()
    expect(page.get_by_text(re.compile("10 nearest of"))).to_be_visible(timeout=PATIENCE)
    quiet(page)


def test_a_box_drawn_on_the_scan_is_searched_and_dropped(server, page):
    sample_asked(page, server)
    page.get_by_role("button", name="Search with a part of it").click()
    board = page.locator(".js-plotly-plot .nsewdrag").first
    expect(board).to_be_visible(timeout=PATIENCE)
    quiet(page)
    box = board.bounding_box()
    corner = (box["x"] + 0.2 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0] + 60, corner[1] + 60, steps=4)
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()
    expect(page.get_by_text(re.compile("From 20 to 60 % of the width"))).to_be_visible()
    page.get_by_role("button", name="Search with this part").click()
    expect(page.get_by_text("Only the framed part was asked about")).to_be_visible()
    expect(page.get_by_text(re.compile("is not shown"))).to_be_visible()
    page.get_by_role("button", name="Use the whole scan").click()
    expect(page.get_by_text("Identical picture").first).to_be_visible()


def test_a_list_is_refined_from_a_card_and_restored(server, page):
    sample_asked(page, server)
    page.get_by_role("button", name="Refine", exact=True).nth(1).click()
    page.get_by_text("More like this").first.click()
    expect(page.get_by_text("Refined by 1 example")).to_be_visible()
    page.get_by_role("button", name="Undo the last").click()
    expect(page.get_by_text("Refined by 1 example")).to_have_count(0)
    page.get_by_role("button", name="Refine", exact=True).nth(1).click()
    page.get_by_text("Search from this case").first.click()
    page.wait_for_url(re.compile("case="))
    quiet(page)
    first = page.get_by_text(re.compile(r"^10 nearest of")).first.inner_text()
    address = page.url
    fresh = page.context.browser.new_context()
    other = fresh.new_page()
    other.goto(address)
    expect(other.get_by_text(first)).to_be_visible(timeout=PATIENCE)
    fresh.close()


def test_maps_of_two_kinds_are_shown_for_a_pair_and_a_page_is_taken_away(server, page, tmp_path):
    sample_asked(page, server)
    page.get_by_role("button", name="Compare").nth(2).click()
    expect(page.get_by_text(re.compile(r"\d+ of 128 bits agree"))).to_be_visible()
    page.get_by_text("Show where they agree from").click()
    coloured = page.get_by_alt_text(re.compile("coloured where"))
    sources = []
    for how in (traces.OCCLUSION, traces.EXACT):
        page.get_by_role("radio", name=how).click()
        # 128 pictures are encoded for the first
        expect(page.get_by_text(traces.MEANING[how])).to_be_visible(timeout=3 * PATIENCE)
        expect(coloured).to_have_count(2)
        names = [coloured.nth(place).get_attribute("alt").split(",")[0] for place in (0, 1)]
        assert names == ["Your scan", "Match"]
        sources.append(coloured.first.get_attribute("src"))
    assert sources[0] != sources[1]
    page.keyboard.press("n")
    expect(coloured).to_have_count(0)  # not under the next case's name while its own are made
    expect(coloured).to_have_count(2, timeout=3 * PATIENCE)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="PDF, A4").click()
    download.value.save_as(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_a_lesson_from_start_to_end_by_keyboard_alone(server, page):
    page.goto(f"{server}/teach?n=5&seed=3")
    archive = archives.open_archive("sample-ct")
    questions = session(Pool.of(archive, archive.model()), "unknown", seed=3, count=5)
    for number, question in enumerate(questions, start=1):
        expect(page.get_by_text(f"Question {number} of 5")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("What does this scan show?")).to_be_visible()
        right = str(question.options.index(question.answer) + 1)
        for key, then in (
            (right, "How sure are you?"),
            ("k", "Keep your answer?"),
            (right, "It is"),
        ):
            quiet(page)
            button = page.get_by_role("button", name=re.compile(rf"Shortcut {key}$", re.IGNORECASE))
            expect(button).to_be_visible(timeout=PATIENCE)  # it hears its key once it is drawn
            page.keyboard.press(key)
            found = page.get_by_text(re.compile(re.escape(then))).first
            expect(found).to_be_visible(timeout=PATIENCE)
        quiet(page)
        page.keyboard.press("n")
    expect(page.get_by_text("The session is over")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("5 of 5").first).to_be_visible()


@pytest.mark.parametrize("kind", ["Unknown case", "Look-alikes", "Odd one out"])
def test_one_link_shows_the_same_case_in_two_browsers(server, browser, kind):
    pictures = []
    for _ in range(2):
        context = browser.new_context(viewport={"width": 1300, "height": 1200})
        tab = context.new_page()
        tab.goto(f"{server}/teach?kind={kind.replace(' ', '+')}&seed=11")
        shown = tab.locator("[data-testid=stImage] img")
        expect(shown.first).to_be_visible(timeout=PATIENCE)
        quiet(tab)
        # A picture's address ends in a digest of its content.
        sources = [image.get_attribute("src").rsplit("/", 1)[-1] for image in shown.all()]
        pictures.append(sources)
        context.close()
    assert pictures[0] == pictures[1] and len(pictures[0]) == {"U": 1, "L": 2, "O": 4}[kind[0]]
