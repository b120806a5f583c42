"""Asking better, taking away and going back, without a browser."""

import io
import shutil
import threading
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.common.ask import region, steering, visit
from pages.common.matches import takeaway, why
from pages.common.shell import state, traces
from pages.common.shell import texts as words
from retrieval.archives import archive as archives
from retrieval.archives.indexing import add, index
from retrieval.codes.model import prune
from retrieval.data.folder import read_folder
from retrieval.data.synthetic import write_ct_series
from retrieval.imaging.regions import Region
from retrieval.reading.decode import decode
from retrieval.reading.scan import Scan
from retrieval.search.refining import Examples, Space, code_of
from retrieval.search.search import search
from tests import small
from tests.pages.visiting import (
    control,
    counted,
    ranks,
    rows,
    sample_bytes,
    shipped_sample,
    started,
    texts,
    uploaded,
    without_pictures,
)


def key_of(app, start):
    return next(key for key in app.session_state.filtered_state if str(key).startswith(start))


def asked(app):
    return app.session_state["scan"].files[0]


def pressed(app, label):
    return next(one for one in app.button if one.label == label).click().run()


def test_examples_move_the_list_and_undo_moves_it_back():
    archive, entry = shipped_sample()
    app = uploaded(started(), sample_bytes())
    before = rows(app)
    space = Space.of(archive, archive.model())
    own = archive.catalogue.positions_of(entry.sha256)[0]
    far = int(np.argmax(np.abs(space.margins - space.margins[own]).sum(axis=1)))
    key = f"examples-{asked(app).digest[:16]}-{archive.id}"
    app.session_state[key] = (Examples((far,)),)
    app.run()
    code = code_of(space.relevance_feedback(space.margins[own], Examples((far,))))
    wanted = search(archive, code, entry.sha256).hits(10)
    assert rows(app) == [(hit.rank, hit.distance) for hit in wanted.hits] != before
    assert any("Refined by 1 example" in text for text in texts(app))
    assert any("follows your examples" in text for text in texts(app))
    app = pressed(app, "Undo the last")
    assert rows(app) == before and not app.exception


def test_a_part_is_a_search_of_the_crop(tmp_path):
    archive, entry = shipped_sample()
    part = Region(0.25, 0.25, 0.5, 0.5)
    app = uploaded(started(), sample_bytes())
    app.session_state[f"region-{asked(app).digest[:16]}-None"] = part
    app.run()
    pixels = decode(archive.picture(entry).read_bytes()).pixels
    model = archive.model()
    wanted = search(archive, model.codes(model.encode([part.crop(pixels)])), "").hits(10)
    assert rows(app) == [(hit.rank, hit.distance) for hit in wanted.hits]
    assert not any("Identical picture" in text for text in texts(app))
    assert any(region.described(part) == text for text in texts(app))
    app = pressed(app, "Use the whole scan")
    assert rows(app)[0] == (1, 0)


def test_a_link_opens_a_case_with_its_picture():
    _, entry = shipped_sample()
    app = started()
    app.query_params[steering.CASE] = entry.id
    app.run()
    assert not app.exception and rows(app)[0] == (1, 0)
    assert app.query_params[steering.CASE] in (entry.id, [entry.id])


def test_a_link_opens_a_case_without_its_picture():
    archive = without_pictures()
    entry = archive.catalogue.entries([3])[0]
    app = control(started(), "archive").select(archive.name).run()
    app.query_params[steering.CASE] = entry.id
    app.run()
    assert not app.exception and rows(app)[0] == (1, 0)
    assert any("its stored code asks" in text for text in texts(app))
    position = archive.catalogue.positions_of(entry.sha256)[0]
    wanted = search(archive, archive.codes[position : position + 1], entry.sha256).hits(10)
    assert rows(app) == [(hit.rank, hit.distance) for hit in wanted.hits]


def test_another_picture_under_a_cases_name_is_not_asked_about(folder, model, tmp_path):
    """As when originals lie where copies of another size were indexed."""
    root = tmp_path / "pictures"
    shutil.copytree(folder.root, root)
    archive = index(read_folder(root), model, tmp_path / "archive")
    entry = archive.catalogue.entries([0])[0]
    Image.new("L", (64, 64), 90).save(archive.picture(entry))

    def take(archive, entry):
        from pages.common.ask import upload

        upload.take_case(archive, entry, "archive")

    app = AppTest.from_function(take, args=(archive, entry)).run()
    assert not app.exception
    assert asked(app).data == b"" and asked(app).case == entry.id


def test_a_case_of_which_the_archive_keeps_fewer_greys_is_still_that_case(
    folder, model, tmp_path, monkeypatch
):
    deep = small.picture("disk", 77).astype(np.uint16) * 200 + np.arange(96, dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    own = index(folder, model, tmp_path / "shelf" / "mine")
    archive = add(own.folder, [tmp_path / "deep.png"], "disk")
    entry = next(one for one in archive.catalogue.entries() if one.source == "added")
    monkeypatch.setenv("RETRIEVAL_ARCHIVES", str(archive.folder.parent))
    app = control(started(), "archive").select("mine").run()
    app.query_params[steering.CASE] = entry.id
    app.run()
    assert not app.exception and asked(app).data  # its copy asks
    assert any("Identical picture" in text for text in texts(app))
    assert any("in the archive itself" in text for text in texts(app))


def test_a_full_model_and_its_pruned_copy_serve_their_own_archives(
    folder, model, tmp_path, monkeypatch
):
    pruned = prune(model, tmp_path / "pruned")
    shelf = tmp_path / "shelf"
    for name, by in (("full", model), ("short", pruned)):
        index(folder, by, shelf / name)
    monkeypatch.setenv("RETRIEVAL_ARCHIVES", str(shelf))
    app = control(started(), "archive").select("full").run()
    app.session_state[why.KEY], app.session_state[why.HOW_KEY] = True, traces.OCCLUSION
    app = uploaded(app, sample_bytes())
    found = rows(app)
    maps = covered(app)
    app = control(app, "archive").select("short").run()
    assert not app.exception and rows(app) == found
    assert covered(app) == maps


def covered(app):
    """Addresses of the two maps by covering of the first match; they follow the pictures' bytes."""
    app = (
        next(one for one in app.button if (one.key or "").startswith("compare-card")).click().run()
    )
    shown = [one for image in app.image for one in image.proto.imgs]
    assert not app.exception
    return [one.url for one in shown if "coloured where" in one.alt]


def test_the_address_to_take_away_reopens_the_search(monkeypatch):
    _, entry = shipped_sample()
    app = started()
    app.query_params[steering.CASE] = entry.id
    app.run()
    found = rows(app)
    address = app_address(app, monkeypatch)
    asked = parse_qs(address.query)
    assert address.path == "/search" and asked[steering.CASE] == [entry.id] and "old" not in asked
    again = started()
    for name, values in asked.items():
        again.query_params[name] = values[0]
    again.run()
    assert not again.exception and rows(again) == found
    assert any(f"case {entry.id}" in text for text in texts(again))  # and says which case it is of


def test_the_maps_of_an_archived_case_and_its_match_have_names_of_their_own():
    _, entry = shipped_sample()
    app = started()
    app.query_params[steering.CASE] = entry.id
    app.session_state[why.KEY] = True
    app.run()
    next(one for one in app.button if (one.key or "").startswith("compare-card")).click().run()
    alts = [one.alt for shown in app.image for one in shown.proto.imgs]
    names = [alt.split(",")[0] for alt in alts if "coloured where" in alt]
    assert not app.exception and names == ["Archived case", "Match"]


def test_a_case_that_left_the_archive_or_is_of_another_is_still_searched():
    _, entry = shipped_sample()
    app = started()
    app.query_params[steering.CASE] = entry.id
    app.run()
    assert any(f"case {entry.id}" in text for text in texts(app))
    app = control(app, "archive").select("covid-ct").run()
    assert not app.exception and not app.error and steering.CASE not in app.query_params
    assert not any(f"case {entry.id}" in text for text in texts(app)) and ranks(app)


def app_address(app, monkeypatch):
    """What "Download" says of a visit: a popover does not open without a browser."""
    asked_for = type("Context", (), {"url": "http://host/search?old=1"})
    with monkeypatch.context() as patch:  # `takeaway.st` is everyone's: later visits need their own
        patch.setattr(takeaway.st, "context", asked_for)
        patch.setattr(takeaway.st, "query_params", Parameters(app.query_params))
        return urlsplit(takeaway._address())


class Parameters(dict):
    to_dict = dict.copy


def test_paper_and_table_say_what_the_cards_say_of_a_case():
    archive, entry = shipped_sample()
    row = archive.catalogue.positions_of(entry.sha256)[0]
    hits = search(archive, archive.codes[row : row + 1], entry.sha256).hits(4)
    conflict = "same image as x; label conflict"
    first, *others = hits.hits
    noted = [first, *(replace(hit, entry=replace(hit.entry, note=conflict)) for hit in others)]
    assert takeaway._notes_of_cases(noted) == [
        "Match 1: identical picture",
        f"Matches 2, 3, 4: {words.CONFLICT}",
        words.ALL_SYNTHETIC,
    ]
    real = [replace(hit, entry=replace(hit.entry, source="a paper")) for hit in hits.hits]
    assert takeaway._notes_of_cases(real) == ["Match 1: identical picture"]
    each = [replace(hit, entry=replace(hit.entry, note=f"note {hit.rank}")) for hit in noted]
    assert takeaway._notes_of_cases(each)[3:] == [
        "2 more notes: see the table (CSV)",
        words.ALL_SYNTHETIC,
    ]
    assert takeaway._marks(first, hits)[0] == "identical picture"
    assert takeaway._marks(noted[2], hits)[-1] == words.CONFLICT


def test_an_empty_file_gets_its_own_sentence():
    for name in ("empty.png", "empty.dcm"):
        app = uploaded(started(), b"", name)
        assert [one.value for one in app.error] == ["The file is empty; copy or export it again."]


def test_which_of_several_files_cannot_be_read_is_said():
    app = started()
    files = [("a.png", sample_bytes()), ("b.png", b"no picture"), ("c.png", b"none either")]
    app = app.file_uploader[0].set_value([(name, data, "image/png") for name, data in files]).run()
    assert not app.exception and app.error[0].value.startswith("Picture 2")


def test_a_link_to_no_case_is_one_sentence():
    app = started()
    app.query_params[steering.CASE] = "[x](http://evil.example)"
    app.run()
    assert not app.exception and len(app.error) == 1
    assert "holds no case" in app.error[0].value and "](http://" not in app.error[0].value
    assert steering.CASE not in app.query_params


def test_earlier_searches_come_back_and_are_forgotten():
    archive, _ = shipped_sample()
    entries = [one for one in archive.catalogue.entries() if archive.picture(one)]
    app = uploaded(started(), archive.picture(entries[0]).read_bytes())
    first = rows(app)
    app = uploaded(app, archive.picture(entries[-1]).read_bytes())
    assert rows(app) != first
    app.run()
    again = [one for one in app.button if one.label == "Ask again"]
    assert len(again) == 1  # not the one on screen
    app = again[0].click().run()
    assert rows(app) == first and not app.exception
    app.run()
    assert len([one for one in app.button if one.label == "Ask again"]) == 1
    app = pressed(app, "Forget them")
    assert (
        len(app.session_state[state.EARLIER_SEARCHES.name]) <= 1
    )  # the search on screen is the only one left


def test_a_small_picture_of_a_scan_is_made_once(monkeypatch):
    made = counted(monkeypatch, Scan, "png")
    app = uploaded(started(), sample_bytes())
    assert ranks(app.run().run()) and len(made) == 1


def test_an_earlier_search_of_a_slice_asks_that_slice_again(tmp_path):
    slices = write_ct_series(tmp_path / "series", slices=5, pixels=128)
    app = started()
    app.file_uploader[0].set_value([(p.name, p.read_bytes(), "application/dicom") for p in slices])
    app = app.run().slider[0].set_value(1).run()
    first = rows(app)
    app = uploaded(app, sample_bytes())
    assert not app.slider
    app = app.run()
    again = next(one for one in app.button if one.label == "Ask again")
    app = again.click().run()
    assert not app.exception and app.slider[0].value == 1 and rows(app) == first
    app = app.slider[0].set_value(5).run()
    assert not app.exception and rows(app) != first


def test_no_other_visit_sees_what_this_one_asked():
    uploaded(started(), sample_bytes())
    other = started()
    assert (
        state.EARLIER_SEARCHES.name not in other.session_state
        or not other.session_state[state.EARLIER_SEARCHES.name]
    )
    assert not [one for one in other.button if one.label == "Ask again"]


def test_what_is_remembered_is_bounded():
    def past(number, size):
        file = type("File", (), {"data": b"x" * size, "digest": str(number)})
        return visit.Past((file,), {}, "a", "12:00", "n", None)

    many = tuple(past(number, 10) for number in range(30))
    assert len(visit._bounded(many)) == visit.MOST
    large = (past(0, visit.BYTES + 1), past(1, 1))
    assert visit._bounded(large) == large[:1]


def test_the_page_to_take_away_is_made_outside_a_session():
    """Streamlit makes downloads in another thread, which knows no session."""
    archive, _ = shipped_sample()
    hits = search(archive, archive.codes[:1], archive.catalogue.entries([0])[0].sha256).hits(12)
    content = takeaway.Content(
        context=type("Context", (), {"archive": archive, "hits": hits, "answer": None,
                                     "withheld": "Withheld", "fitting": 40}),
        scan=np.zeros((20, 30), np.uint8),
        region=None,
        pictures=tuple(archive.picture(hit.entry).read_bytes() for hit in hits.hits[:10]),
        examples=takeaway._examples(archive, Examples(more=(3,), less=(5, 6))),
        searched=f"Archive {archive.name} ({archive.id})",
        today=takeaway.date(2026, 11, 27),
    )  # fmt: skip
    made = {}

    def make():
        for kind, size, _ in takeaway.KINDS.values():
            made[kind, size] = takeaway._file(content, kind, size)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert made["pdf", "A4"].startswith(b"%PDF") and made["pdf", "A4"] != made["pdf", "Letter"]
    assert Image.open(io.BytesIO(made["png", "A4"])).size == (2481, 3507)
    table = made["csv", "A4"].decode("utf-8-sig")
    assert table.count(archive.catalogue.entries([0])[0].id) == 1
    ids = archive.catalogue.column("id")
    assert f"Moved towards {ids[3]}." in table
    assert f"Moved away from {ids[5]}, {ids[6]}." in table
    assert "12 nearest of 40 that fit the filter" in table  # also on paper it is no whole archive
    assert words.on_paper(words.FILTERED) in table
    assert "Match 1: identical picture" in table and ",identical picture" in table


def test_bare_text_of_safe_markdown():
    for text in ("a*b_[c](d) <e> $f$", "1. first", "x:red[y] @z www.a.b", "plain"):
        assert words.on_paper(words.plain(text)) == text


def test_the_shipped_archives_share_no_search_by_case():
    """A case's address names it in one archive: others answer with their own cases."""
    ids = [set(archives.open_archive(name).catalogue.column("id").tolist())
           for name in ("sample-ct", "sample-xray", "covid-ct", "pneumonia-xray")]  # fmt: skip
    assert sum(len(one) for one in ids) == len(set().union(*ids))
    assert ranks(uploaded(started(), sample_bytes()))
