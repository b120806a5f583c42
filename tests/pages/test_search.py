"""The search page as a visitor drives it."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from pages.common.shell import engine, pictures, resources
from pages.common.shell import texts as words
from retrieval.archives import archive as archives
from retrieval.archives.indexing import index
from retrieval.codes import hamming
from retrieval.data.synthetic import write_ct_series
from retrieval.reading import decode
from retrieval.reading.sandbox import Decoder
from retrieval.search.search import search
from retrieval.trust import answer
from tests.pages.visiting import (
    HOSTILE,
    control,
    counted,
    distances,
    leaders,
    ranks,
    rows,
    sample_bytes,
    shipped_sample,
    started,
    texts,
    uploaded,
    without_pictures,
)


def test_an_archived_picture_is_found_at_rank_one():
    app = uploaded(started(), sample_bytes())
    assert ranks(app) == list(range(1, 11))
    assert distances(app) == sorted(distances(app)) and distances(app)[0] == 0
    badges = [one.value for one in app.markdown if "Identical picture" in one.value]
    assert len(badges) == 1


def test_the_list_is_the_archive_s_own_ranking():
    archive, entry = shipped_sample()
    app = uploaded(started(), archive.picture(entry).read_bytes())
    model = archive.model()
    with Decoder() as decoder:
        scan = decoder.read(archive.picture(entry))
    hits = search(archive, model.codes(model.encode([scan.pixels])), scan.sha256).hits(10)
    assert rows(app) == [(hit.rank, hit.distance) for hit in hits.hits]
    titles = {hit.rank: words.label(hit.entry.label) for hit in hits.hits}
    shown = [one.value for one in app.markdown if re.match(r"\*\*\d+\. ", one.value)]
    assert shown == [f"**{rank}. {titles[rank]}**" for rank in leaders(app)]


def test_another_k_searches_and_decodes_no_more(monkeypatch):
    searches = counted(monkeypatch, hamming, "distances")
    calibrated = next(one for one in archives.shipped() if archives.open_archive(one).calibration)
    app = control(started(), "archive").select(calibrated).run()
    app = uploaded(app, sample_bytes())
    decodes = counted(monkeypatch, Decoder, "decode")
    assert len(searches) == 1
    for k in (5, 20):
        app = control(app, "k").select(k).run()
        assert ranks(app) == list(range(1, k + 1))
    assert len(searches) == 1
    pictures_of_ranks_11_to_20 = 10
    assert len(decodes) <= pictures_of_ranks_11_to_20


def test_more_than_twenty_matches_come_on_pages():
    app = control(uploaded(started(), sample_bytes()), "archive").select(without_pictures().name)
    app = control(app.run(), "k").select(50).run()
    assert len(leaders(app)) == 20 and ranks(app)[0] == 1
    assert any(one.value.startswith("**50 nearest of ") for one in app.markdown)
    assert any(one.value.startswith("Cards 1 to 20 of ") for one in app.caption)


def test_no_other_visitor_gets_a_cached_result(monkeypatch, visit):
    searches = counted(monkeypatch, hamming, "distances")
    uploaded(started(), sample_bytes())
    visit("another")
    other = started()
    assert ranks(other) == []
    uploaded(other, sample_bytes())
    assert len(searches) == 2


def tiny_bytes():
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((15, 400)).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", sample_bytes()[:200], b"%PDF-1.7", tiny_bytes()]
)
def test_a_broken_upload_gives_one_sentence(data):
    app = uploaded(started(), data, "scan.dcm")
    assert len(app.error) == 1 and app.error[0].value.endswith(".")
    assert not ranks(app)
    assert any(button.label == "Use this scan" for button in app.button)


def test_after_a_broken_upload_the_next_one_works():
    app = uploaded(started(), b"not a picture")
    app.file_uploader[0].set_value(("slice.png", sample_bytes(), "image/png"))
    app.run()
    assert not app.error and distances(app)[0] == 0


@pytest.mark.parametrize("data", [sample_bytes(), b"not a picture"])
def test_a_file_name_is_never_shown_as_markup(data):
    app = uploaded(started(), data, f"{HOSTILE}.png")
    assert texts(app)
    assert not [text for text in texts(app) if "evil" in text or "iframe" in text]


def test_markup_in_an_archive_is_shown_literally(monkeypatch, hostile_archive):
    monkeypatch.setenv("RETRIEVAL_ARCHIVES", str(hostile_archive.folder.parent))
    app = control(started(), "archive").select("hostile").run()
    app = uploaded(app, sample_bytes())
    shown = [text for text in texts(app) if "evil" in text]
    assert shown
    drawn = "".join(element.proto.body for element in app.get("html"))
    assert "evil" in drawn and "<iframe" not in drawn
    for text in shown:
        assert not re.search(r"(?<!\\)(!?\[[^\]]*\]\(http://evil|<iframe)|http://evil|:red\[", text)
    assert any("https://doi.org/10.1234/a%29%5Bb%5D%28c)" in text for text in texts(app))


def test_a_sample_gives_a_result_with_one_click_and_no_hint_before():
    app = started()
    known = {words.label(label) for label in shipped_sample()[0].labels}
    assert not [text for text in texts(app) if any(label in text for label in known)]
    buttons = [button for button in app.button if button.label == "Use this scan"]
    assert len(buttons) == 6
    app = buttons[3].click().run()
    assert not app.exception and distances(app)[0] == 0
    app = next(one for one in app.button if one.label == "Start again").click().run()
    assert not ranks(app)


def test_another_archive_keeps_the_query():
    other = without_pictures()
    app = uploaded(started(), sample_bytes())
    app = control(app, "archive").select(other.name).run()
    assert not app.exception and len(ranks(app)) == 10
    assert any(one.value.startswith(f"**10 nearest of {len(other)}:**") for one in app.markdown)
    assert any(other.id in caption.value for caption in app.caption)


def test_the_query_survives_a_visit_to_another_page():
    app = uploaded(started(), sample_bytes())
    app = app.switch_page("method.py").run().switch_page("search.py").run()
    assert not app.exception and distances(app)[0] == 0


def test_missing_pictures_are_said_once_and_on_each_card():
    app = uploaded(started(), sample_bytes())
    assert not app.info
    app = control(app, "archive").select(without_pictures().name).run()
    assert sum("not on this machine" in info.value for info in app.info) == 1
    missing = [caption for caption in app.caption if words.NO_PICTURE in caption.value]
    assert len(missing) == len(leaders(app))
    compare = [button for button in app.button if button.label == "Compare"]
    assert compare and all(button.disabled for button in compare)


def test_a_frame_can_be_chosen():
    random = np.random.default_rng(0)
    frames = [random.integers(0, 255, (64, 96), np.uint8) for _ in range(3)]
    app = uploaded(started(), pages_of_a_tiff(*frames), "stack.tif")
    assert app.slider[0].value == 2 and "Frame 2 of 3" in app.slider[0].label
    before = distances(app)
    app = app.slider[0].set_value(1).run()
    assert not app.exception and "Frame 1 of 3" in app.slider[0].label
    assert distances(app) != before


def test_a_training_picture_is_marked(monkeypatch, archive, model):
    monkeypatch.setenv("RETRIEVAL_ARCHIVES", str(archive.folder.parent))
    entries = archive.catalogue.entries()
    for seen in (True, False):
        entry = next(e for e in entries if model.saw(e.sha256) == seen)
        app = control(started(), "archive").select(archive.name).run()
        app = uploaded(app, archive.picture(entry).read_bytes())
        assert any("Used to train the model" in one.value for one in app.markdown) == seen


def test_no_figure_for_new_patients_stands_above_the_query_itself():
    archive, entry = shipped_sample()
    app = control(started(), "archive").select(archive.name).run()
    app = uploaded(app, archive.picture(entry).read_bytes())
    assert any("Identical picture" in one.value for one in app.markdown)
    assert not any("On new patients" in one.value for one in app.markdown)


def test_another_picture_under_a_cases_name_is_not_shown(tmp_path, monkeypatch):
    archive = without_pictures()
    entry = archive.catalogue.entries([0])[0]
    path = tmp_path / archive.dataset / entry.file
    path.parent.mkdir(parents=True)
    path.write_bytes(sample_bytes())
    monkeypatch.setenv(archives.DATA_VARIABLE, str(tmp_path))
    assert archive.picture(entry) == path
    assert pictures.picture(archive, entry) is None


def test_a_damaged_copy_of_a_picture_is_not_shown(folder, model, tmp_path):
    archive = index(folder, model, tmp_path / "carried", pictures="copy")
    entries = archive.catalogue.entries([0, 1])
    data = archive.picture(entries[0]).read_bytes()
    pack = archive.pack.path
    pack.write_bytes(pack.read_bytes().replace(data, bytes(len(data))))
    damaged = archives.open_archive(archive.folder)
    assert pictures.picture(damaged, entries[0]) is None
    assert pictures.picture(damaged, entries[1])


def test_a_scan_is_forgotten_by_start_again(monkeypatch):
    app = uploaded(started(), sample_bytes())
    app = start_again(app)
    assert not ranks(app) and app.session_state["scan"] is None
    decodes = counted(monkeypatch, Decoder, "decode")
    assert ranks(uploaded(app, sample_bytes())) and len(decodes) == 1


def start_again(app):
    app = next(one for one in app.button if one.label == "Start again").click().run()
    assert not app.exception
    return app


def test_a_scan_that_failed_can_be_forgotten_too():
    app = uploaded(started(), b"not a picture")
    assert app.error and app.session_state["scan"] is not None
    app = start_again(app)
    assert not app.error and app.session_state["scan"] is None


def pages_of_a_tiff(*pages):
    buffer = io.BytesIO()
    first, *rest = [Image.fromarray(page) for page in pages]
    first.save(buffer, format="TIFF", save_all=True, append_images=rest)
    return buffer.getvalue()


@pytest.mark.parametrize("blank", [0, 1])
def test_another_frame_can_be_chosen_where_one_is_blank(blank):
    random = np.random.default_rng(0)
    pages = [random.integers(0, 255, (64, 96), np.uint8) for _ in range(3)]
    pages[blank] = np.zeros((64, 96), np.uint8)
    app = uploaded(started(), pages_of_a_tiff(*pages), "stack.tif")
    app = app.slider[0].set_value(blank + 1).run()
    assert len(app.error) == 1 and not ranks(app)
    assert app.error[0].value.startswith(f"Frame {blank + 1} of 3")
    app = app.slider[0].set_value(3).run()
    assert not app.error and ranks(app)


def test_a_damaged_input_check_refuses_no_search(monkeypatch):
    monkeypatch.setattr(resources, "input_check", lambda: None)
    assert ranks(uploaded(started(), sample_bytes()))


# reading the ranking


def test_every_match_is_shown_once_and_a_patient_on_one_card(app_with_query):
    app, hits = app_with_query
    assert rows(app) == [(hit.rank, hit.distance) for hit in hits.hits]
    patients = [hits[rank - 1].entry.patient_id for rank in leaders(app)]
    assert len(patients) == len(set(patients)) < 10


@pytest.fixture
def app_with_query():
    """A sample's search, and the hits that it should show."""
    archive, entry = shipped_sample()
    data = archive.picture(entry).read_bytes()
    app = uploaded(control(started(), "archive").select(archive.name).run(), data)
    scan = decode.decode(data)
    model = archive.model()
    return app, search(archive, model.codes(model.encode([scan.pixels])), scan.sha256).hits(10)


def test_the_nearest_case_of_another_finding_stands_beside(app_with_query):
    app, hits = app_with_query
    archive, _ = shipped_sample()
    labels = [hit.entry.label for hit in hits.hits]
    usual = max(labels, key=lambda label: (labels.count(label), -labels.index(label)))
    everything = search(archive, code_of(hits, archive), hits.sha256).hits(len(archive))
    other = next(hit for hit in everything.hits if hit.entry.label != usual)
    shown = [one.value for one in app.markdown]
    assert f":small[Rank {other.rank} of all cases]" in shown
    assert f"**{words.label(other.entry.label)}**" in shown


def code_of(hits, archive):
    return np.asarray(archive.codes[hits[0].position])[None]


def test_the_strip_counts_every_case(app_with_query):
    app, hits = app_with_query
    archive, _ = shipped_sample()
    drawn = "".join(element.proto.body for element in app.get("html"))
    counts = search(archive, code_of(hits, archive), "").counts()
    tables = np.stack([*counts.values()])
    farthest = np.flatnonzero(tables.any(axis=0))[-1]
    heights = [float(one) for one in re.findall(r";height:([\d.]+)%", drawn)]
    expected = 100 * tables[:, : farthest + 1] / tables.max()
    assert heights == pytest.approx(expected.ravel(), abs=0.051)
    shade = 100 * (hits[9].distance + 1) / (farthest + 1)
    assert drawn.count(f"width:{shade:.2f}%") == len(archive.labels)
    assert any(f"all {len(archive)} cases" in one.value for one in app.caption)


def test_a_filter_lists_only_what_fits(app_with_query):
    app, _ = app_with_query
    archive, _ = shipped_sample()
    label = archive.labels[-1]
    app = next(one for one in app.multiselect if one.label == "Finding").select(label).run()
    assert not app.exception and ranks(app) == list(range(1, 11))
    fitting = int((archive.catalogue.column("label") == label).sum())
    assert summary_of(app).startswith(f"**10 nearest of {fitting} that fit the filter:** 10 ")
    app = next(one for one in app.button if one.label == "Show all cases").click().run()
    assert summary_of(app).startswith(f"**10 nearest of {len(archive)}:**")


def summary_of(app):
    return next(one.value for one in app.markdown if one.value.startswith("**10 nearest"))


def test_a_filter_that_nothing_fits_says_so(app_with_query):
    app, _ = app_with_query
    archive, _ = shipped_sample()
    entries = archive.catalogue.entries()
    patient = next(one.patient_id for one in entries if one.label != archive.labels[0])
    app = next(one for one in app.multiselect if one.label == "Finding").select(archive.labels[0])
    app = next(one for one in app.run().multiselect if one.label == "Patient").select(patient).run()
    assert not app.exception and not ranks(app)
    assert any("fits the filter" in one.value for one in app.info)


def test_compare_opens_the_pair(app_with_query):
    app, _ = app_with_query
    app = (
        next(one for one in app.button if (one.key or "").startswith("compare-card")).click().run()
    )
    assert not app.exception and detailed(app) == 1
    assert next(one for one in app.button if one.label == "Previous case").disabled


def test_under_a_filter_compare_shows_the_case_that_was_clicked(app_with_query):
    app, _ = app_with_query
    archive, _ = shipped_sample()
    app = next(one for one in app.multiselect if one.label == "Finding").select(archive.labels[0])
    app = app.run()
    other = next(one for one in app.button if (one.key or "").startswith("compare-other"))
    rank, picture = re.search(r"-(\d+)-(\w+)$", other.key).groups()
    entry = next(one for one in archive.catalogue.entries() if one.id == picture)
    app = other.click().run()
    assert not app.exception
    title = f"**Rank {rank} of all cases: {words.label(entry.label)}**"
    assert any(one.value.startswith(title) for one in app.markdown)


def test_compare_survives_a_shorter_list(app_with_query):
    app, _ = app_with_query
    for k in (50, 5):
        app = control(app, "k").select(k).run()
        last = [one for one in app.button if (one.key or "").startswith("compare-card")][-1]
        app = last.click().run()
        assert not app.exception and detailed(app) == int(last.key.split("-")[-2]) <= k


def detailed(app):
    """Rank of the case that stands beside the query."""
    found = (re.match(r"\*\*(\d+)\. .*bits differ", one.value) for one in app.markdown)
    return next(int(match[1]) for match in found if match)


# what is asked about


def test_the_archive_follows_what_the_file_shows():
    xray = archives.open_archive("sample-xray")
    entry = next(one for one in xray.catalogue.entries() if one.split == "test")
    app = uploaded(started(), xray.picture(entry).read_bytes())
    assert control(app, "archive").value == "sample-xray" and distances(app)[0] == 0
    assert any(one.value.startswith("Changed to") for one in app.info)
    app = control(app, "archive").select("sample-ct").run()
    assert ranks(app) and any("chest X-ray" in one.value for one in app.warning)


def test_a_picture_that_is_no_chest_scan_is_searched_with_a_warning():
    app = uploaded(started(), noise())
    assert any("neither a chest CT slice" in one.value for one in app.warning) and ranks(app)


def test_an_inverted_scan_gets_a_warning_and_no_figure():
    levels = 255 - np.array(Image.open(io.BytesIO(sample_bytes())))
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    app = uploaded(started(), buffer.getvalue())
    assert ranks(app) and any("negative" in one.value for one in app.warning)
    assert any(one.value.startswith(answer.UNLIKE) for one in app.caption)
    assert not any("On new patients" in one.value for one in app.markdown)


def test_a_scan_unlike_the_archive_gets_no_figure_and_no_chance():
    """A drawn X-ray among those of children: its code alone would promise 98 %."""
    drawn = archives.open_archive("sample-xray")
    data = drawn.picture(drawn.catalogue.entries([0])[0]).read_bytes()
    app = uploaded(control(started(), "archive").select("pneumonia-xray").run(), data)
    assert ranks(app) and any(one.value.startswith(answer.STRANGE) for one in app.warning)
    assert not any("On new patients" in text or "% likely" in text for text in texts(app))
    assert not any((one.key or "").startswith("instead-") for one in app.button)  # it is real


def test_a_real_scan_among_drawn_cases_is_offered_real_ones(monkeypatch, drawn_scan):
    monkeypatch.setattr(engine, "withheld", lambda *_: answer.STRANGE)
    archive, _ = shipped_sample()
    app = uploaded(control(started(), "archive").select(archive.name).run(), drawn_scan)
    offered = [one.label for one in app.button if (one.key or "").startswith("instead-")]
    assert "Search COVID-CT instead" in offered and not any("X-ray" in text for text in offered)
    app = next(one for one in app.button if one.key == "instead-covid-ct").click().run()
    assert not app.exception and ranks(app) and app.session_state["archive"] == "covid-ct"


def test_who_searches_real_cases_gets_real_ones_of_the_other_kind():
    drawn = archives.open_archive("sample-xray")
    data = drawn.picture(drawn.catalogue.entries([0])[0]).read_bytes()
    app = uploaded(control(started(), "archive").select("covid-ct").run(), data)
    assert app.session_state["archive"] == "pneumonia-xray"
    app = uploaded(control(started(), "archive").select("sample-ct").run(), data)
    assert app.session_state["archive"] == "sample-xray"


def noise(seed=0):
    buffer = io.BytesIO()
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 255, (200, 200, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_series_is_ordered_by_position_and_opens_in_the_middle(tmp_path):
    slices = write_ct_series(tmp_path / "series", slices=5, pixels=128)
    data = [path.read_bytes() for path in slices]
    shuffled = [data[place] for place in (3, 0, 4, 2, 1)]
    app = started()
    app.file_uploader[0].set_value([("x.dcm", one, "application/dicom") for one in shuffled])
    app.run()
    assert not app.exception and len(ranks(app)) == 10
    slider = app.slider[0]
    assert (slider.value, slider.max) == (3, 5) and "by position" in slider.label
    middle = distances(app)
    alone = uploaded(started(), data[2])
    assert distances(alone) == middle
    app = app.slider[0].set_value(1).run()
    assert not app.exception and ranks(app) == list(range(1, 11))


def test_pictures_of_two_series_are_chosen_from(tmp_path):
    first = write_ct_series(tmp_path / "a", slices=3, pixels=128)
    second = write_ct_series(tmp_path / "b", slices=2, pixels=160)
    app = started()
    app.file_uploader[0].set_value(
        [("x.dcm", path.read_bytes(), "") for path in (*second, *first)]
        + [("x.png", sample_bytes(), "")]
    )
    app.run()
    series = app.selectbox[0]
    assert [one.split(":")[1].split(",")[0].strip() for one in series.options] == [
        "3 files",
        "2 files",
        "1 file",
    ]
    app = series.select_index(2).run()
    assert not app.exception and distances(app)[0] == 0
