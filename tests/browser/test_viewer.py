"""The viewer in a headless Chromium: mouse, keys, greys, pairs, reruns."""

import base64
import io
import re
import statistics

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browsing import MARKS, quiet, served

HOSTILE = "<img src=x onerror=alert(1)> **1.** :red[x]"
SIZE = 512  # the picture's and the frame's, so that a value is a pixel of the canvas
SCRIPT = f"""
from pathlib import Path
import numpy as np
import streamlit as st
from pages.common import viewer
from retrieval.reading.view import View, Window

st.set_page_config(layout="wide")
values = np.load(Path(__file__).with_name("values.npy"))
grey = np.clip(values / 8 + 128, 0, 255).astype(np.uint8)
hu = View(
    values, "HU", (Window("Soft", 40, 400), Window({HOSTILE!r}, -500, 1400)),
    spacing=(0.5, 0.5), edges=("R", "L", "A", "P"),
)
tall = View(values[:, ::2], "HU", (Window("Lung", -600, 1500),), spacing=(0.5, 1.0))
eight = View(grey, "", (Window("Full range", 127.5, 255),))
of_file = (Window("File", 900, 1200), Window("Full range", 2000, 4000))
deep = View(grey.astype(np.uint16), "", of_file)
negative = View(
    values.astype(np.uint16), "", (Window("", 1000, 2000),), inverted=True,
    spacing=(0.2, 0.2), at_detector=True, shrunk=2.0,
)
scenes = {{
    "one": [hu], "other": [tall], "pair": [hu, tall], "mixed": [hu, eight],
    "eight": [eight], "deep": [deep], "negative": [negative],
}}

def show(scene, key="viewer", ready=False):
    panes = [
        viewer.Pane({HOSTILE!r}, f"Picture {{n}}", v, "the scan" if ready and n == 1 else "")
        for n, v in enumerate(scenes[scene], 1)
    ]
    viewer.show(panes, key=key, height={SIZE}, ready=ready)

@st.dialog("Compare", width="large")
def compare():
    show("pair", "compared", ready=True)

scene = st.selectbox("Scene", list(scenes), bind="query-params", key="scene")
show(scene)
st.button("Rerun")
st.button("Compare", on_click=compare)
st.write(f"Runs: {{st.session_state.setdefault('runs', 0)}}")
st.session_state.runs += 1
st.container(height=3000, border=False)
"""

pytestmark = MARKS


def picture():
    """Values (512, 512) in Hounsfield units: a ramp over the columns with a disk of 40."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    ramp = np.linspace(-1200, 1000, SIZE).astype(np.int16)[columns]
    return np.where((rows - 256) ** 2 + (columns - 256) ** 2 < 60**2, np.int16(40), ramp)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a page with a viewer; `?scene=` chooses what it shows."""
    folder = tmp_path_factory.mktemp("viewer")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    np.save(folder / "values.npy", picture())
    with served(folder / "script.py", folder) as address:
        yield address


@pytest.fixture
def opened(server, page):
    """A function that opens a scene, waits for its pictures, and gives the tab."""

    def opening(scene):
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(f"{server}?scene={scene}")
        expect(page.locator("canvas[data-redraw-ms]").first).to_be_visible()
        quiet(page)
        return page

    return opening


def canvas(page, place=0):
    return page.locator("canvas").nth(place)


def readout(page, place=0):
    return page.locator(".frame").nth(place).locator(".mark.top.left")


def shows(page, text, place=0):
    expect(readout(page, place)).to_have_text(text)


def centre(page, place=0):
    box = canvas(page, place).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, across, down, *, place=0, button="left", steps=5):
    x, y = centre(page, place)
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + across, y + down, steps=steps)
    page.mouse.up(button=button)


def greys(page, place=0):
    """What is on the canvas (height, width), once it is drawn; every colour is the same."""
    address = canvas(page, place).evaluate(
        """canvas => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
            () => done(canvas.toDataURL("image/png")))))"""
    )
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")), 2, 0)
    assert np.array_equal(red, green) and np.array_equal(red, blue)
    return red


def bar(page):
    """The width of the bar of the scale in pixels, once the last key or click is drawn."""
    greys(page)
    return page.locator(".bar").bounding_box()["width"]


def shown(page, place=0):
    """The picture cut out of its black surroundings, one pixel a value."""
    found = greys(page, place)
    left = int((found.shape[1] - SIZE) / 2 + 0.5)
    assert found.shape[0] == SIZE
    return found[:, left : left + SIZE]


def windowed(values, width, level):
    return np.clip(255 * (values - (level - width / 2)) / width, 0, 255)


def farthest(found, wanted):
    return np.abs(found.astype(float) - wanted).max()


def test_presets_give_the_linear_window(opened):
    page = opened("one")
    shows(page, "W 400 L 40 HU")
    assert farthest(shown(page), windowed(picture(), 400, 40)) <= 1
    canvas(page).focus()
    page.keyboard.press("2")
    shows(page, "W 1500 L -600 HU")
    assert farthest(shown(page), windowed(picture(), 1500, -600)) <= 1
    expect(page.get_by_role("button", name="Lung")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Bone").click()
    shows(page, "W 2500 L 480 HU")
    assert farthest(shown(page), windowed(picture(), 2500, 480)) <= 1


def test_a_drag_widens_to_the_right_and_brightens_downwards(opened):
    page = opened("one")
    drag(page, 50, 20)
    shows(page, "W 480 L 8 HU")  # 400 / 250 a pixel
    drag(page, -50, 0)
    shows(page, "W 384 L 8 HU")  # 480 / 250 a pixel
    canvas(page).dblclick()
    shows(page, "W 400 L 40 HU")
    x, y = centre(page)
    page.mouse.move(x, y)
    expect(page.locator(".mark.bottom.left")).to_have_text("Value 40 HU")


def test_dragging_is_fast_enough(opened, record_property):
    page = opened("one")
    page.get_by_role("button", name="Lung").click()
    x, y = centre(page)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(x + 2 * step, y + step)
        page.evaluate("() => new Promise(requestAnimationFrame)")
    page.mouse.up()
    times = [float(time) for time in canvas(page).get_attribute("data-redraw-ms").split()]
    record_property("redraw_ms", statistics.median(times))
    print(f"median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30 and statistics.median(times) < 100


def test_the_wheel_zooms_a_focused_picture_and_else_scrolls_the_page(opened):
    page = opened("one")
    x, y = centre(page)
    top = canvas(page).bounding_box()["y"]
    page.mouse.move(x, y)
    page.mouse.wheel(0, 100)
    expect(page.locator(".mark.bottom.left")).to_have_text("Click, or hold Ctrl, to zoom")
    page.wait_for_function(
        "([top]) => document.querySelector('.retrieval-viewer')"
        ".getBoundingClientRect().top < top - 50",
        arg=[top],
    )
    x, y = centre(page)
    page.mouse.move(x + 100, y + 50)
    greys(page)  # so that the move is drawn
    before = page.locator(".mark.bottom.left").inner_text()
    page.mouse.click(x + 100, y + 50)
    top = canvas(page).bounding_box()["y"]
    page.mouse.wheel(0, -100)
    page.mouse.wheel(0, -100)
    expect(page.locator(".mark.top.right")).to_have_text("zoom 1.6")
    assert canvas(page).bounding_box()["y"] == top
    assert page.locator(".mark.bottom.left").inner_text() == before
    drag(page, 60, 0, button="middle")
    expect(page.locator(".mark.bottom.left")).not_to_have_text(before)
    page.keyboard.press("0")
    expect(page.locator(".mark.top.right")).to_have_text("")


def test_fingers_window_zoom_and_move(opened):
    page = opened("one")
    tab = page.context.new_cdp_session(page)
    tab.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    canvas(page).focus()
    x, y = centre(page)

    def touch(kind, *across):
        points = [{"x": x + dx, "y": y, "id": finger} for finger, dx in enumerate(across)]
        tab.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0)
    touch("touchMove", 30)
    touch("touchMove", 50)
    touch("touchEnd")
    shows(page, "W 480 L 40 HU")
    touch("touchStart", -25)
    touch("touchStart", -25, 25)
    for step in range(1, 11):
        touch("touchMove", -25 - 5 * step, 25 + 5 * step)
    touch("touchEnd")
    expect(page.locator(".mark.top.right")).to_have_text("zoom 3.0")
    shows(page, "W 480 L 40 HU")


def test_a_pair_stands_below_each_other_where_it_is_narrow(opened):
    page = opened("pair")
    boxes = [canvas(page, place).bounding_box() for place in (0, 1)]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("() => innerWidth === 390")
    expect(canvas(page)).to_be_visible()
    boxes = [canvas(page, place).bounding_box() for place in (0, 1)]
    assert boxes[0]["x"] == boxes[1]["x"] and boxes[0]["y"] < boxes[1]["y"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_a_browser_that_cannot_unpack_says_so(server, page):
    page.add_init_script("delete window.DecompressionStream")
    page.goto(f"{server}?scene=one")
    expect(page.get_by_role("alert")).to_contain_text("too old to unpack the picture")


def test_the_scale_follows_the_zoom(opened):
    page = opened("one")
    scale = page.locator(".scale")
    expect(scale).to_have_text("10 cm")
    assert bar(page) == pytest.approx(200, abs=2.5)
    canvas(page).focus()
    for _ in range(6):
        page.keyboard.press("+")
    expect(scale).to_have_text("5 cm")
    assert bar(page) == pytest.approx(100 * 1.25**6, abs=2.5)


def test_inverting_and_resetting(opened):
    page = opened("one")
    plain = shown(page)
    page.get_by_role("button", name="Invert").click()
    assert np.array_equal(shown(page), 255 - plain)
    page.keyboard.press("Escape")
    canvas(page).focus()
    page.keyboard.press("i")
    assert np.array_equal(shown(page), plain)
    page.keyboard.press("i")
    page.keyboard.press("Space")
    assert np.array_equal(shown(page), plain)


def test_everything_by_keyboard(opened):
    page = opened("one")
    page.get_by_label("Scene").focus()
    names = []
    for _ in range(14):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                """() => {
                    const inner = document.activeElement;
                    const own = inner.closest(".retrieval-viewer");
                    return own ? inner.getAttribute("aria-label") : "";
                }"""
            )
        )
        if names[-1].startswith("Picture 1"):
            break
    reached = [name.split(" ")[0] for name in names if name]
    tools = ["Soft", "Lung", "Bone", "Brain", "Window", "Invert", "Zoom", "Zoom", "Reset", "What"]
    assert reached == [*tools, "Picture"]
    page.keyboard.press("Shift+ArrowRight")
    shows(page, "W 416 L 40 HU")
    page.keyboard.press("Shift+ArrowDown")
    shows(page, "W 416 L 23 HU")
    expect(page.locator(".spoken")).to_have_text("Window width 416, level 23 HU")
    page.keyboard.press("+")
    expect(page.locator(".mark.top.right")).to_have_text("zoom 1.3")
    before = greys(page)
    page.keyboard.press("ArrowRight")
    assert not np.array_equal(greys(page), before)
    page.keyboard.press("?")
    expect(page.get_by_text("Window for soft tissue, lung, bone, brain")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".keys")).to_be_hidden()
    page.keyboard.press("4")
    shows(page, "W 80 L 40 HU")
    page.keyboard.press("0")
    shows(page, "W 400 L 40 HU")


def test_the_windows_of_the_file_can_be_chosen(opened):
    page = opened("one")
    page.get_by_label("Window named in the file").select_option(index=2)
    shows(page, "W 1400 L -500 HU")
    assert HOSTILE in page.locator("option").nth(2).inner_text()


def test_text_from_files_stays_text(opened):
    page = opened("one")
    expect(page.locator(".title")).to_have_text(HOSTILE)
    expect(page.locator(".viewer img")).to_have_count(0)
    marks = [page.locator(f".edge.{side}").inner_text() for side in ("left", "right")]
    assert marks == ["R", "L"]


def test_a_pair_changes_together_until_unlinked(opened):
    page = opened("pair")
    shows(page, "W 400 L 40 HU", 1)  # the first picture's window for both
    drag(page, 50, 20, place=1)
    shows(page, "W 480 L 8 HU", 0)
    shows(page, "W 480 L 8 HU", 1)
    page.keyboard.press("+")
    for place in (0, 1):
        expect(page.locator(".mark.top.right").nth(place)).to_have_text("zoom 1.3")
    link = page.get_by_role("button", name="Link")
    expect(link).to_have_attribute("aria-pressed", "true")
    link.click()
    canvas(page, 0).focus()
    page.keyboard.press("2")
    page.keyboard.press("+")
    shows(page, "W 1500 L -600 HU", 0)
    shows(page, "W 480 L 8 HU", 1)
    expect(page.locator(".mark.top.right").nth(0)).to_have_text("zoom 1.6")
    expect(page.locator(".mark.top.right").nth(1)).to_have_text("zoom 1.3")
    page.keyboard.press("l")
    shows(page, "W 1500 L -600 HU", 1)
    expect(page.locator(".mark.top.right").nth(1)).to_have_text("zoom 1.6")


def test_values_farther_apart_in_one_direction_keep_their_proportions(opened):
    page = opened("other")
    found = greys(page)
    left = int((found.shape[1] - SIZE) / 2 + 0.5)
    assert not found[:, : left - 1].any() and found[:, left + SIZE - 2].min() == 255
    down = windowed(picture()[:, SIZE // 2], 1500, -600)
    assert farthest(found[:, left + SIZE // 2], down) <= 3  # between two columns


def test_a_window_of_the_file_is_named_also_without_a_unit(opened):
    page = opened("deep")
    shows(page, "W 1200 L 900")
    expect(readout(page)).to_be_visible()


def test_a_pair_of_different_units_shares_zoom_only(opened):
    page = opened("mixed")
    expect(page.get_by_text(re.compile("each keeps its own window"))).to_be_visible()
    expect(page.get_by_text("8-bit picture: windowing changes contrast only.")).to_be_visible()
    page.get_by_role("button", name="Lung").click()
    shows(page, "W 1500 L -600 HU", 0)
    expect(readout(page, 1)).to_be_hidden()  # the whole range says nothing
    drag(page, 0, 30, place=1)
    shows(page, "W 255 L 97", 1)
    expect(readout(page, 1)).to_be_visible()
    shows(page, "W 1500 L -600 HU", 0)
    page.keyboard.press("+")
    expect(page.locator(".mark.top.right").nth(0)).to_have_text("zoom 1.3")


def test_presets_are_for_hounsfield_units(opened):
    page = opened("eight")
    expect(page.get_by_role("button", name="Lung")).to_have_count(0)
    canvas(page).focus()
    page.keyboard.press("2")
    page.keyboard.press("+")
    expect(page.locator(".mark.top.right")).to_have_text("zoom 1.3")
    shows(page, "W 255 L 128")
    expect(page.locator(".scale")).to_be_hidden()


def test_a_picture_with_bright_low_values_starts_inverted(opened):
    page = opened("negative")
    values = picture().astype(np.uint16)
    assert farthest(shown(page), 255 - windowed(values.astype(float), 2000, 1000)) <= 1
    expect(page.locator(".mark.top.right")).to_have_text("shown at 50 % of full size")
    expect(page.locator(".scale")).to_have_text(re.compile("at detector"))
    expect(page.get_by_text("no Hounsfield units")).to_be_visible()
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")


def test_a_rerun_keeps_zoom_and_window_and_another_picture_resets_them(opened):
    page = opened("one")
    canvas(page).focus()
    page.keyboard.press("2")
    page.keyboard.press("+")
    shows(page, "W 1500 L -600 HU")
    page.get_by_role("button", name="Rerun").click()
    expect(page.get_by_text("Runs: 1")).to_be_visible()
    shows(page, "W 1500 L -600 HU")
    expect(page.locator(".mark.top.right")).to_have_text("zoom 1.3")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('[data-testid=stApp]'))"
        ".backgroundColor === 'rgb(16, 22, 27)'"
    )
    shows(page, "W 1500 L -600 HU")
    page.get_by_label("Scene").click()
    page.get_by_role("option", name="eight").click()
    shows(page, "W 255 L 128")
    expect(page.locator(".mark.top.right")).to_have_text("")
    expect(page.locator("canvas")).to_have_count(1)


def test_a_dialog_can_be_opened_again_beside_another_viewer(opened):
    page = opened("one")
    for _ in range(2):
        page.get_by_role("button", name="Compare").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator("canvas[data-redraw-ms]")).to_have_count(2)
        dialog.locator("canvas").first.focus()
        page.keyboard.press("2")
        expect(dialog.locator(".mark.top.left").nth(1)).to_have_text("W 1500 L -600 HU")
        shows(page, "W 400 L 40 HU")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    drag(page, 50, 0)
    shows(page, "W 480 L 40 HU")


def test_a_dialogs_viewer_has_the_keys_at_once_and_an_inverted_scan_inverts_its_pair(opened):
    page = opened("one")
    corners = []
    for key in ("", "i", ""):  # what the key did to the scan holds when it is shown again
        page.get_by_role("button", name="Compare").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator("canvas[data-redraw-ms]")).to_have_count(2)
        quiet(page)
        if key:
            page.keyboard.press(key)
        middles = [greys(page, place) for place in (1, 2)]
        corners.append([int(found[found.shape[0] // 2, found.shape[1] // 2]) for found in middles])
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    plain, inverted, again = corners
    assert inverted == again == [255 - grey for grey in plain] and plain != inverted
