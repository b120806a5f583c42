"""The pages as a visitor drives them, without a browser."""

import ast
import csv
import io
import json
import logging
import re
import tomllib
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.caching import cache_data_api
from streamlit.testing.v1 import AppTest

from pages.common import engine, figures, palette, words
from retrieval import archive as archives
from retrieval import download, results, scans
from retrieval.archive import Archive
from retrieval.catalogue import Entry
from retrieval.datasets import read_folder
from retrieval.errors import DownloadError
from retrieval.indexing import index
from retrieval.sandbox import Decoder
from retrieval.trust import Answer
from tests import small

ROOT = Path(__file__).parents[1]
HOSTILE = "![t](http://evil.example/t.gif)<iframe srcdoc=x>:red[www.evil.example]"
PAGES = {"search.py", "evaluation.py", "archive.py", "method.py"}


@pytest.fixture(autouse=True)
def no_fetched_pictures(monkeypatch, tmp_path):
    """The pages see only what ships, whatever was fetched on this machine."""
    monkeypatch.setenv(archives.DATA_VARIABLE, str(tmp_path / "nothing"))
    monkeypatch.delenv("RETRIEVAL_ARCHIVES", raising=False)


@pytest.fixture(autouse=True)
def visit(monkeypatch):
    """Give each test a session of its own, and the means to start another: visit("name")."""

    def as_visitor(name):
        monkeypatch.setattr(cache_data_api, "get_session_id_or_throw", lambda: name)

    as_visitor(f"visitor {uuid.uuid4()}")
    return as_visitor


@pytest.fixture(scope="session")
def hostile_archive(tmp_path_factory, model):
    """An archive whose labels, patients and sources try to be markup."""
    root = small.write_folder(tmp_path_factory.mktemp("hostile") / "folder", patients=4)
    with (root / "images.csv").open(newline="") as stream:
        rows = [{**row, "label": HOSTILE, "source": HOSTILE} for row in csv.DictReader(stream)]
    with (root / "images.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=[*rows[0], "doi", "note"])
        writer.writeheader()
        writer.writerows(
            {
                **row,
                "patient_id": f"{row['patient_id']}{HOSTILE}",
                "doi": "10.1234/a)[b](c",
                "note": HOSTILE,
            }
            for row in rows
        )
    return index(read_folder(root), model, root.parent / "shelf" / "hostile")


def started() -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60).run()
    assert not app.exception
    return app


def at_page(name: str) -> AppTest:
    return started().switch_page(name).run()


def uploaded(app: AppTest, data: bytes, name: str = "slice.png") -> AppTest:
    app = app.file_uploader[0].upload(name, data).run()
    assert not app.exception
    return app


def shipped_sample() -> tuple[Archive, Entry]:
    for name in archives.shipped():
        archive = archives.open_archive(name)
        for entry in archive.catalogue.entries():
            if archive.picture(entry):
                return archive, entry
    raise AssertionError("no archive ships with pictures")


def without_pictures() -> Archive:
    opened = [archives.open_archive(name) for name in archives.shipped()]
    return next(a for a in opened if a.picture(a.catalogue.entries([0])[0]) is None)


def sample_bytes() -> bytes:
    archive, entry = shipped_sample()
    return archive.picture(entry).read_bytes()


def control(app: AppTest, key: str):
    return next(one for one in app.segmented_control if one.key == key)


def ranks(app: AppTest) -> list[int]:
    found = (re.match(r"\*\*(\d+)\. ", one.value) for one in app.markdown)
    return [int(match[1]) for match in found if match]


def distances(app: AppTest) -> list[int]:
    found = (re.match(r":small\[(\d+) of \d+ bits", one.value) for one in app.markdown)
    return [int(match[1]) for match in found if match]


def texts(app: AppTest) -> list[str]:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.title, app.subheader)
    return [element.value for kind in kinds for element in kind]


def counted(monkeypatch, owner: type, name: str) -> list[str]:
    calls, original = [], getattr(owner, name)

    def counting(*arguments, **options):
        calls.append(name)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, counting)
    return calls


# pages


@pytest.mark.parametrize("page", words.PAGES, ids=lambda page: page.file)
def test_each_page_opens_with_its_heading_and_the_warning(page):
    app = at_page(page.file)
    assert not app.exception and not app.error
    assert [title.value for title in app.title] == [page.heading]
    assert sum(words.NOT_FOR_DIAGNOSIS in caption.value for caption in app.caption) == 2


def test_pages_are_thin():
    found = {path.name for path in (ROOT / "pages").glob("*.py")}
    assert found == PAGES | {"frame.py"} == {page.file for page in words.PAGES} | {"frame.py"}
    for path in (ROOT / "pages").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path.name
    for path in (ROOT / "pages").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
        assert "open" not in names and "unsafe_allow_html" not in keywords, path.name


# search


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
    hits = archive.search(model.codes(model.encode([scan.pixels])), scan.sha256, 10)
    assert distances(app) == [hit.distance for hit in hits.hits]
    shown = [one.value for one in app.markdown if re.match(r"\*\*\d+\. ", one.value)]
    assert shown == [f"**{hit.rank}. {words.label(hit.entry.label)}**" for hit in hits.hits]


def test_another_k_searches_and_decodes_no_more(monkeypatch):
    searches = counted(monkeypatch, Archive, "search")
    app = uploaded(started(), sample_bytes())
    decodes = counted(monkeypatch, Decoder, "decode")
    assert len(searches) == 1
    for k in (5, 20):
        app = control(app, "k").select(k).run()
        assert ranks(app) == list(range(1, k + 1))
    assert len(searches) == 1
    pictures_of_ranks_11_to_20 = 10
    assert len(decodes) <= pictures_of_ranks_11_to_20


def test_more_than_twenty_matches_come_on_pages():
    app = control(uploaded(started(), sample_bytes()), "k").select(50).run()
    assert ranks(app) == list(range(1, 21))
    assert any(one.value.startswith("**50 nearest of ") for one in app.markdown)


def test_no_other_visitor_gets_a_cached_result(monkeypatch, visit):
    searches = counted(monkeypatch, Archive, "search")
    uploaded(started(), sample_bytes())
    visit("another")
    other = started()
    assert ranks(other) == []
    uploaded(other, sample_bytes())
    assert len(searches) == 2


def tiny_bytes() -> bytes:
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
    cards = [caption for caption in app.caption if words.NO_PICTURE in caption.value]
    assert len(cards) == len(ranks(app)) == 10


def test_a_link_restores_archive_and_k():
    other = without_pictures()
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
    app.query_params["archive"] = words.archive_title(other.name)
    app.query_params["k"] = "20"
    app.run()
    assert control(app, "archive").value == other.name and control(app, "k").value == 20


def test_a_frame_can_be_chosen():
    random = np.random.default_rng(0)
    frames = [Image.fromarray(random.integers(0, 255, (64, 96), np.uint8)) for _ in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="TIFF", save_all=True, append_images=frames[1:])
    app = uploaded(started(), buffer.getvalue(), "stack.tif")
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


def test_own_archives_stand_beside_the_shipped_ones(monkeypatch, archive, tmp_path):
    broken = tmp_path / "shelf" / "broken"
    broken.mkdir(parents=True)
    (broken / archives.MANIFEST).write_text("{}")
    both = (str(archive.folder.parent), str(tmp_path / "shelf"))
    monkeypatch.setenv("RETRIEVAL_ARCHIVES", archives.os.pathsep.join(both))
    app = control(at_page("archive.py"), "archive").select(archive.name).run()
    assert not app.exception
    assert any(one.value.startswith(f"{len(archive)} cases") for one in app.markdown)
    assert len(app.warning) == 1 and "damaged" in app.warning[0].value


# archive


def test_fetching_says_what_went_wrong(monkeypatch):
    def refuse(name, out, *, progress):
        progress(1, 2, "fetching")
        raise DownloadError("The server did not answer; try again later.")

    monkeypatch.setattr(download, "download", refuse)
    app = control(at_page("archive.py"), "archive").select(without_pictures().name).run()
    app = app.button[0].click().run()
    assert not app.exception and [e.value for e in app.error] == [
        "The server did not answer; try again later."
    ]


def test_fetched_pictures_are_found(monkeypatch, tmp_path):
    archive = without_pictures()

    def fetch(name, out, *, progress):
        for entry in archive.catalogue.entries():
            path = out / entry.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
            progress(1, 0, "deriving the pictures")

    monkeypatch.setattr(download, "download", fetch)
    app = control(at_page("archive.py"), "archive").select(archive.name).run()
    app = app.button[0].click().run()
    assert not app.exception and not app.button
    assert any("All pictures" in one.value for one in app.markdown)
    assert (tmp_path / "nothing" / archive.name).is_dir()


# evaluation


@pytest.mark.parametrize("report", figures.reports(), ids=lambda report: report.protocol)
def test_the_figures_are_those_of_the_stored_results(report):
    about = json.loads((results.RESULTS / f"{report.archive}-{report.protocol}.json").read_text())
    app = control(at_page("evaluation.py"), "measured").select(report.archive).run()
    app = control(app, "protocol").select(report.protocol).run()
    assert not app.exception
    table = app.table[0].value
    assert table["k"].tolist() == [str(k) for k in (5, 10, 15, 20, 30, 40, 50, 100)]
    columns = ("precision", "recall", "f_score", "ap_paper")
    for _, row in table.iterrows():
        for name, cell in zip(columns, row.tolist()[1:], strict=True):
            figure = about["at_k"][row["k"]][name]
            shown = [float(part) for part in re.findall(r"[\d.]+", cell)]
            expected = [100 * figure[part] for part in ("value", "low", "high")]
            assert shown == pytest.approx(expected, abs=0.051)
    ids = f"{words.measured_on(about)}."
    assert any(caption.value.endswith(ids) for caption in app.caption)


def test_a_figure_measured_on_another_archive_is_not_shown(monkeypatch, archive):
    """Not even if that one has the same name and model."""
    shipped = archives.open_archive("covid-ct")
    value = results.read_result("covid-ct-official")["at_k"]["10"]["precision"]["value"]
    assert figures.trust(shipped, 10).startswith(f"On new patients {100 * value:.0f} of 100")
    other = replace(shipped, about={**shipped.about, "id": "0" * 16})
    assert figures.trust(other, 10) == figures.trust(archive, 10) == words.NOT_MEASURED


def test_a_ranking_no_better_than_chance_says_so():
    assert "no better than chance" in words.trust((0.54, 0.49, 0.59), 0.5, {"a": 0.5, "b": 0.6})
    better = words.trust((0.78, 0.71, 0.85), 0.5, {"covid": 0.74, "noncovid": 0.82})
    assert "from 74 for COVID-19 to 82 for No COVID-19" in better


def test_no_figure_for_new_patients_stands_above_the_query_itself():
    archive, entry = shipped_sample()
    app = control(started(), "archive").select(archive.name).run()
    app = uploaded(app, archive.picture(entry).read_bytes())
    assert any("Identical picture" in one.value for one in app.markdown)
    assert not any("On new patients" in one.value for one in app.markdown)


@pytest.fixture
def drawn_scan():
    """A picture that is in no archive."""
    buffer = io.BytesIO()
    Image.fromarray(small.picture("disk", 12345)).save(buffer, "PNG")
    return buffer.getvalue()


def answer(archive, **changes):
    chances = {label: 1 / len(archive.labels) for label in archive.labels}
    chances[archive.labels[0]] += 0.123 - sum(chances.values()) + 1
    found = Answer(chances, answered=True, novelty=0.4, novel=False, current=True, why="")
    return replace(found, **changes)


def test_each_card_says_the_chance_of_the_same_finding(monkeypatch, drawn_scan):
    archive = shipped_sample()[0]
    stated = answer(archive)
    monkeypatch.setattr(engine, "judged", lambda query, archive: stated)
    app = uploaded(control(started(), "archive").select(archive.name).run(), drawn_scan)
    hits = app.session_state["k"]
    shown = [m.value for m in app.markdown if m.value.startswith(":small[same finding:")]
    assert len(shown) == hits == 10
    allowed = {f":small[{words.chance(share)}]" for share in stated.chances.values()}
    assert set(shown) <= allowed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"answered": False}, words.UNSURE), ({"novel": True}, words.NOVEL)],
)
def test_no_chance_is_shown_where_it_would_mislead(monkeypatch, drawn_scan, changes, sentence):
    archive = shipped_sample()[0]
    monkeypatch.setattr(engine, "judged", lambda query, archive: answer(archive, **changes))
    app = uploaded(control(started(), "archive").select(archive.name).run(), drawn_scan)
    assert sentence in texts(app) and ranks(app)
    assert not any("same finding" in text for text in texts(app))


def test_chances_are_never_certain():
    assert words.chance(0.999) == "same finding: 99 % likely"
    assert words.chance(0.0) == "same finding: 1 % likely"
    assert words.chance(0.624) == "same finding: 62 % likely"


def test_another_picture_under_a_cases_name_is_not_shown(tmp_path, monkeypatch):
    archive = without_pictures()
    entry = archive.catalogue.entries([0])[0]
    path = tmp_path / archive.dataset / entry.file
    path.parent.mkdir(parents=True)
    path.write_bytes(sample_bytes())
    monkeypatch.setenv(archives.DATA_VARIABLE, str(tmp_path))
    assert archive.picture(entry) == path
    assert engine.picture(archive, entry) is None


def test_an_unknown_archive_in_the_address_falls_back_to_the_first():
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
    app.query_params["archive"] = ""
    app = uploaded(app.run(), sample_bytes())
    assert ranks(app)


def test_a_scan_is_forgotten_by_start_again():
    app = uploaded(started(), sample_bytes())
    app = next(one for one in app.button if one.label == "Start again").click().run()
    assert not app.exception and not ranks(app)
    assert app.session_state["scan"] is None


def test_uploads_never_reach_the_disk():
    from starlette.formparsers import MultiPartParser

    import app  # noqa: F401 - sets it

    assert MultiPartParser.spool_max_size > scans.LIMITS.file_bytes


def test_the_honest_protocol_comes_first():
    app = at_page("evaluation.py")
    assert control(app, "protocol").value == "official"


def test_the_chart_holds_every_curve_and_the_printed_points():
    app = control(at_page("evaluation.py"), "measured").select("covid-ct").run()
    app = control(app, "protocol").select("paper").run()
    chart = app.get("plotly_chart")[0]
    figure = json.loads(chart.proto.spec)
    lines = {trace["name"]: trace for trace in figure["data"]}
    report = next(
        one for one in figures.reports() if (one.archive, one.protocol) == ("covid-ct", "paper")
    )
    assert report.archive in figures.printed(report.archive)["archives"]
    assert len(lines) == 4 + len(report.labels)
    assert lines["All queries"]["x"] == list(range(5, 51))
    assert lines["All queries"]["y"][5] == report.figure("precision", 10)[0]
    printed = next(trace for name, trace in lines.items() if "paper" in name)
    assert dict(zip(printed["x"], printed["y"], strict=True))[10] == 0.85


# words and colours


@pytest.mark.parametrize(
    "text",
    [
        "![t](http://evil.example/t.gif)",
        "[a](javascript:alert(1))",
        "<iframe srcdoc='<script>x</script>'>",
        "**bold** _it_ `code` ~~no~~ $x^2$ | a",
        "# heading",
        "- item",
        "1. item",
        "www.evil.example a@evil.example",
        ":red[x] :material/home: :smile:",
        "two\nlines\u202e\x00",
    ],
)
def test_plain_text_has_no_markup_left(text):
    safe = words.plain(text)
    assert not re.search(r"(?<!\\)[\[\]<>`*_$~|]", safe)
    assert not re.match(r"\d*[-+#=.)]", safe)
    assert not re.search(r"(?i)(:|@|www)[^\s\u2060]", safe)
    assert not re.search(r"[\n\x00\u202e]", safe)
    assert safe.replace("\\", "").replace("\u2060", "")[:3] == text[:3]


def test_plain_text_is_cut():
    assert words.plain("a" * 50, 10) == "a" * 9 + "…"


@pytest.mark.parametrize(
    "doi", ["", "x", "10.1/x", "http://evil/10.1234/x", "10.1234/a b", "10.1234/"]
)
def test_what_is_no_doi_becomes_no_link(doi):
    assert words.doi_link(doi) == ""


def test_an_unknown_patient_is_said_to_be_unknown():
    assert words.patient_group("picture:0123456789abcdef") == "not known"
    assert words.patient_group("p7") == "p7"


def luminance(colour):
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_colours_stand_out(mode):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][mode]
    for ground in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        assert contrast(theme["textColor"], ground) >= 7
        assert contrast(theme["linkColor"], ground) >= 4.5
    lines = (palette.ALL_QUERIES, palette.CHANCE, palette.PRINTED, *palette.LABELS)
    for colour in lines:
        assert contrast(colour, theme["backgroundColor"]) >= 3, colour


# the entry


def test_an_unexpected_error_is_logged_without_its_text(monkeypatch, caplog):
    import app

    shown = []
    monkeypatch.setattr(app.st, "error", shown.append)
    with caplog.at_level(logging.ERROR):
        try:
            raise KeyError("Doe^Jane.dcm")
        except KeyError as error:
            assert app.report(error) is True
    assert shown == [words.UNEXPECTED]
    assert "KeyError" in caplog.text and "Doe" not in caplog.text
