"""What the viewer sends to the browser, and how often it packs it."""

import base64
import json
import uuid
import zlib
from dataclasses import replace

import numpy as np
import pytest
from streamlit.runtime.caching import cache_data_api
from streamlit.testing.v1 import AppTest

from pages.common import viewer
from retrieval.reading.view import View, Window

HOSTILE = "</script><img src=x onerror=alert(1)>{{7*7}}"


@pytest.fixture(autouse=True)
def visit(monkeypatch):
    """Give each test a session of its own, and the means to start another: visit("name")."""

    def as_visitor(name):
        monkeypatch.setattr(cache_data_api, "get_session_id_or_throw", lambda: name)

    as_visitor(f"visitor {uuid.uuid4()}")
    return as_visitor


@pytest.fixture
def sent(monkeypatch):
    """What is handed to the component, call after call, as it is after a journey as JSON."""
    calls = []
    monkeypatch.setattr(
        viewer, "_mount", lambda key, data: calls.append(json.loads(json.dumps(data)))
    )
    return calls


@pytest.fixture
def packed(monkeypatch):
    """The arrays that were deflated."""
    arrays, compress = [], zlib.compress

    def counting(values, level):
        arrays.append(values)
        return compress(values, level)

    monkeypatch.setattr(viewer.zlib, "compress", counting)
    return arrays


def view(dtype=np.int16, seed=0, shape=(40, 60)):
    ends = np.iinfo(dtype)
    values = np.random.default_rng(seed).integers(
        ends.min, ends.max, size=shape, dtype=dtype, endpoint=True
    )
    return View(values, "HU" if dtype == np.int16 else "", (Window("Lung", -600, 1500),))


def pane(shown, title="Your scan"):
    return viewer.Pane(title, "A chest CT slice", shown)


def unpacked(data):
    raw = zlib.decompress(base64.b64decode(data["pixels"]))
    values = np.frombuffer(raw, dtype=viewer.KINDS[data["kind"]])
    return values.reshape(data["rows"], data["columns"])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_every_value_arrives(sent, dtype):
    shown = view(dtype)
    shown.values[0, :2] = np.iinfo(dtype).min, np.iinfo(dtype).max
    viewer.show([pane(shown)], key="a")
    assert np.array_equal(unpacked(sent[0]["panes"][0]), shown.values)


@pytest.mark.parametrize("turned", [np.fliplr, np.transpose, lambda a: a[::2, 1::3]])
def test_values_that_do_not_lie_row_by_row_arrive_too(sent, turned):
    shown = replace(view(), values=turned(view().values))
    viewer.show([pane(shown)], key="a")
    assert np.array_equal(unpacked(sent[0]["panes"][0]), shown.values)


def test_values_in_the_other_byte_order_arrive_too(sent):
    shown = replace(view(), values=view().values.astype(">i2"))
    viewer.show([pane(shown)], key="a")
    assert np.array_equal(unpacked(sent[0]["panes"][0]), shown.values)


def test_what_the_file_says_arrives(sent):
    shown = replace(
        view(np.uint16),
        windows=(Window(HOSTILE, 1000.5, 2000.0), Window("", 40, 400)),
        inverted=True,
        spacing=(0.2, 0.1),
        at_detector=True,
        edges=("R", "L", "H", "F"),
        shrunk=2.0,
    )
    viewer.show([pane(view()), pane(shown, HOSTILE)], key="a", height=300)
    data = sent[0]
    assert data["height"] == 300 and len(data["panes"]) == 2
    second = data["panes"][1]
    assert second["title"] == HOSTILE and second["alt"] == "A chest CT slice"
    assert second["windows"] == [
        {"name": HOSTILE, "level": 1000.5, "width": 2000.0},
        {"name": "", "level": 40, "width": 400},
    ]
    assert second["spacing"] == [0.2, 0.1] and second["edges"] == ["R", "L", "H", "F"]
    assert second["inverted"] and second["at_detector"] and second["shrunk"] == 2.0
    assert second["unit"] == "" and second["kind"] == "uint16"


def test_presets_are_those_of_other_viewers():
    found = {one.name: (one.width, one.level) for one in viewer.PRESETS}
    assert list(found.items()) == [
        ("Soft tissue", (400, 40)),
        ("Lung", (1500, -600)),
        ("Bone", (2500, 480)),
        ("Brain", (80, 40)),
    ]


def test_one_changed_pixel_or_fact_is_another_picture(sent):
    shown = view()
    changed = shown.values.copy()
    changed[-1, -1] ^= 1
    others = [
        replace(shown, values=changed),
        replace(shown, values=shown.values.reshape(60, 40)),
        replace(shown, values=shown.values.view(np.uint16)),
        replace(shown, unit=""),
        replace(shown, spacing=(1.0, 1.0)),
    ]
    for one in [shown, replace(shown, values=shown.values.copy()), *others]:
        viewer.show([pane(one)], key="a")
    ids = [data["panes"][0]["id"] for data in sent]
    assert ids[0] == ids[1] and len(set(ids)) == 1 + len(others)


def test_a_picture_is_packed_once_a_visit(sent, packed, visit):
    visit("first")
    viewer.forget()
    for _ in range(3):
        viewer.show([pane(view()), pane(view(seed=1))], key="a")
    assert len(packed) == 2 and sent[0] == sent[2]
    visit("second")
    viewer.show([pane(view())], key="a")
    assert len(packed) == 3


def test_forgetting_drops_the_pictures(sent, packed):
    viewer.show([pane(view())], key="a")
    viewer.forget()
    viewer.show([pane(view())], key="a")
    assert len(packed) == 2


def test_numbers_the_browser_cannot_read_are_refused(sent):
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError):
            viewer.show([pane(replace(view(), windows=(Window("", 0, number),)))], key="a")
    assert not sent


@pytest.mark.parametrize("number", [0, 3])
def test_only_one_picture_or_two(sent, number):
    with pytest.raises(ValueError, match=f"not {number}"):
        viewer.show([pane(view())] * number, key="a")
    assert not sent


def test_text_never_becomes_markup_and_nothing_is_fetched():
    script = (viewer._FOLDER / "viewer.js").read_text(encoding="utf-8")
    style = (viewer._FOLDER / "viewer.css").read_text(encoding="utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in script
    for word in ("http:", "https:", "fetch(", "XMLHttpRequest", "WebSocket", "@import", "url("):
        assert word not in script + style


def test_a_page_with_viewers_runs_without_a_browser():
    def script():
        import numpy as np

        from pages.common import viewer
        from retrieval.reading.view import View, Window

        values = np.zeros((8, 8), dtype=np.uint8)
        shown = viewer.Pane("Title", "Nothing", View(values, "", (Window("", 127.5, 255),)))
        viewer.show([shown], key="one")
        viewer.show([shown, shown], key="two")

    app = AppTest.from_function(script, default_timeout=30).run()
    assert not app.exception and len(app.get("bidi_component")) == 2
    assert not app.run().exception
