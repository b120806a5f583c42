"""The map of an archive on the page."""

import json

import numpy as np

from pages.common.browse import atlas
from pages.common.shell import texts as words
from retrieval.archives import archive as archives
from retrieval.codes import hamming
from tests.pages.visiting import at_page, shipped_sample, texts, without_pictures


def test_every_case_is_a_point_of_its_label():
    archive, _ = shipped_sample()
    app = at_page(words.BROWSE.file)
    assert not app.exception
    (chart,) = app.get("plotly_chart")
    traces = json.loads(chart.proto.spec)["data"]
    assert [trace["name"] for trace in traces] == [words.label(one) for one in archive.labels]
    assert len({trace["marker"]["symbol"] for trace in traces}) == len(traces)
    assert any(f"{len(archive)} cases" in text for text in texts(app))


def test_the_map_fills_its_frame_and_keeps_its_shape():
    archive, _ = shipped_sample()
    (chart,) = at_page(words.BROWSE.file).get("plotly_chart")
    layout = json.loads(chart.proto.spec)["layout"]
    assert layout["yaxis"]["scaleanchor"] == "x"  # as near down as across
    for axis, values in zip(("xaxis", "yaxis"), np.asarray(archive.points).T, strict=True):
        low, high = layout[axis]["range"]
        assert low < values.min() and high > values.max()
        assert high - low < 1.2 * np.ptp(values)


def test_a_case_is_chosen_by_its_id_and_asked_about():
    archive, entry = shipped_sample()
    app = at_page(words.BROWSE.file)
    app = app.text_input[0].input(entry.id[:10]).run()
    assert not app.exception
    row = archive.catalogue.positions_of(entry.sha256)[0]
    distances = np.sort(hamming.distances(archive.codes, archive.codes[row : row + 1])[0])[1:7]
    shown = [text for text in texts(app) if text.endswith(" bits]")]
    assert [int(text.split()[-2]) for text in shown] == distances.tolist()
    (chart,) = app.get("plotly_chart")
    ring = json.loads(chart.proto.spec)["data"][-1]
    points = np.asarray(archive.points)
    assert [ring["x"][0], ring["y"][0]] == points[row].tolist() and len(ring["x"]) == 7
    assert ring["marker"]["size"][0] == max(ring["marker"]["size"])
    app.text_input[0].input("zz").run()
    (chart,) = app.get("plotly_chart")
    assert len(json.loads(chart.proto.spec)["data"]) == len(archive.labels)  # none is marked
    assert any("No case" in text for text in texts(app))


def test_a_whole_id_chooses_its_case_though_a_copys_id_goes_on_after_it():
    archive = archives.open_archive("pneumonia-xray")
    ids = archive.catalogue.column("id").astype(str).tolist()
    copy = next(one for one in ids if one.endswith("-2"))
    first = copy.removesuffix("-2")
    assert [ids[row] for row in atlas._rows(archive, first)] == [first]
    assert [ids[row] for row in atlas._rows(archive, copy)] == [copy]
    assert len(atlas._rows(archive, first[:-1])) == 2 and atlas._rows(archive, "zz") == []


def test_an_archive_without_pictures_has_a_map_too():
    archive = without_pictures()
    app = at_page(words.BROWSE.file)
    control = next(one for one in app.segmented_control if one.key == "archive")
    app = control.select(archive.name).run()
    app = app.text_input[0].input(archive.catalogue.entries([2])[0].id).run()
    assert not app.exception
    assert sum(words.NO_PICTURE in text for text in texts(app)) == 1  # not once a neighbour
    assert sum(text.count(" bits]") for text in texts(app)) == 6
