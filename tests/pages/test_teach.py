"""A teaching session on the page: commit, then the truth, then where two scans differ."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.common.lesson import differing, session
from pages.common.shell import maps
from pages.common.shell import texts as words
from retrieval.archives import archive as archives
from retrieval.archives.indexing import index
from retrieval.codes import hamming
from retrieval.data.folder import read_folder
from retrieval.errors import ModelError
from retrieval.teaching import questions as teaching
from tests import small
from tests.pages.visiting import at_page, control, counted, texts

SAMPLE = "sample-ct"
COUNT = 5


def opened(kind):
    app = at_page(words.TEACH.file)
    app = control(app, "kind").select(kind).run()
    app = control(app, "n").select(COUNT).run()
    assert not app.exception
    return app


def test_questions_are_made_again_when_pictures_come_or_go(monkeypatch, tmp_path, model):
    """Pictures may have been fetched since, by anybody."""
    written = small.write_folder(tmp_path / "folder")
    archive = index(read_folder(written), model, tmp_path / "archive")
    plan = session.Plan(teaching.KINDS[0], 5, 4321, False)
    pools = counted(monkeypatch, archives.Archive, "picture")
    (written / "images").rename(tmp_path / "away")
    assert session.questions(archive, plan) == () and pools
    pools.clear()
    assert session.questions(archive, plan) == () and not pools
    (tmp_path / "away").rename(written / "images")
    assert session.questions(archive, plan) and len(pools) == len(archive)


def test_why_there_is_nothing_to_ask_is_said(monkeypatch):
    app = control(at_page("teach.py"), "archive").select("covid-ct").run()
    assert "its pictures are not on this machine" in app.info[0].value
    monkeypatch.setattr(session, "questions", lambda *_: ())
    app = at_page("teach.py")
    assert not app.exception and "too few of its cases" in app.info[0].value


def test_more_findings_than_keys_are_still_buttons():
    def show():
        from pages.common.lesson import lesson
        from retrieval.teaching.questions import Question

        many = tuple(f"finding {number}" for number in range(12))
        question = Question("unknown", (0,), many, many[0], many[0], (), 0, "hard")
        lesson._options(question, "", "first")

    app = AppTest.from_function(show).run()
    assert not app.exception and len(app.button) == 12
    assert [button.proto.shortcut for button in app.button] == [*"123456789", "", "", ""]


def pressed(app, key):
    app = next(button for button in app.button if button.key == key).click().run()
    assert not app.exception
    return app


def answered(app, kind, option="1"):
    app = pressed(pressed(app, f"first-{option}"), "sure-k")
    return pressed(app, f"final-{option}") if kind == "unknown" else app


def questions(kind):
    archive = archives.open_archive(SAMPLE)
    pool = teaching.Pool.of(archive, archive.model())
    return archive, teaching.session(pool, kind, seed=1, count=COUNT)


def alts(app):
    return [one.proto.imgs[0].alt for one in app.get("image")]


def toggle(app, key):
    return next(one for one in app.toggle if one.key == key)


def test_nothing_tells_the_truth_before_an_answer():
    for kind in teaching.KINDS:
        app = opened(kind)
        archive, asked = questions(kind)
        assert len(alts(app)) == len(asked[0].shown)
        assert all(alt.endswith("to be judged") for alt in alts(app))
        assert differing.KEY not in [one.key for one in app.toggle]
        app = answered(app, kind)
        named = [words.finding(entry) for entry in archive.catalogue.entries(asked[0].shown)]
        shown = [alt for alt in alts(app) if not alt.startswith("Similar")]
        assert [alt.split(": ")[1] for alt in shown] == named
        assert (differing.KEY in [one.key for one in app.toggle]) == (kind == "look-alikes")


def test_after_look_alikes_the_bits_that_differ_are_traced():
    app = answered(opened("look-alikes"), "look-alikes")
    assert len(alts(app)) == 2  # no map before it is asked for
    app = toggle(app, differing.KEY).set_value(True).run()
    assert not app.exception
    archive, asked = questions("look-alikes")
    first, second = asked[0].shown
    apart = hamming.distances(archive.codes[[first]], archive.codes[[second]])[0, 0]
    assert any(
        text.startswith(f"**{apart} of {archive.bits} bits differ.**") for text in texts(app)
    )
    drawn = [alt for alt in alts(app) if "bits that differ" in alt]
    assert [alt[0] for alt in drawn] == ["A", "B"]
    assert any("not where disease is" in text for text in texts(app))
    app = answered(pressed(app, "lesson-next"), "look-alikes")
    assert len([alt for alt in alts(app) if "bits that differ" in alt]) == 2  # the wish is kept


@pytest.mark.parametrize("outside", [0.4, 0.6])
def test_most_of_the_difference_outside_the_lungs_is_warned_of(monkeypatch, outside):
    picture, evidence = np.zeros((8, 8), np.uint8), np.ones((2, 2), np.float32)
    first, second = (maps.Shown(picture, evidence, o, True) for o in (outside, 0.2))
    monkeypatch.setattr(differing, "_traced", lambda *_: (3, (first, second)))
    app = answered(opened("look-alikes"), "look-alikes")
    app = toggle(app, differing.KEY).set_value(True).run()
    warned = [warning.value for warning in app.warning]
    about = [text for text in warned if "outside the lungs" in text]
    assert len(about) == (outside > maps.MOST)
    for text in about:
        assert "outside the lungs, on borders or on text in A: 60 % of it there, 20 % in B" in text


def test_without_a_map_the_session_goes_on(monkeypatch):
    monkeypatch.setattr(differing.pictures, "case_scan", lambda *_: None)
    app = answered(opened("look-alikes"), "look-alikes")
    app = toggle(app, differing.KEY).set_value(True).run()
    assert not app.exception and not app.error
    assert any("maps need both pictures" in info.value for info in app.info)
    assert any("Which of the two" in text for text in texts(pressed(app, "lesson-next")))


def test_a_map_that_fails_is_one_sentence_without_a_path(monkeypatch):
    def fails(*_):
        raise ModelError("/srv/secret/model.json is damaged.")

    monkeypatch.setattr(differing, "_traced", fails)
    app = answered(opened("look-alikes"), "look-alikes")
    app = toggle(app, differing.KEY).set_value(True).run()
    assert not app.exception and not app.error
    assert any("could not be made here" in info.value for info in app.info)
    assert not any("secret" in text for text in texts(app))
    assert any("Which of the two" in text for text in texts(pressed(app, "lesson-next")))


def test_equal_codes_have_nothing_to_show(monkeypatch):
    monkeypatch.setattr(differing, "_traced", lambda *_: (0, ()))
    app = answered(opened("look-alikes"), "look-alikes")
    app = toggle(app, differing.KEY).set_value(True).run()
    assert not app.exception and any("bits are the same" in text for text in texts(app))


@pytest.mark.parametrize("kind", teaching.KINDS)
def test_a_session_ends_with_a_summary(kind):
    app = opened(kind)
    for _ in range(COUNT):
        app = pressed(answered(app, kind), "lesson-next")
    assert any(text == "The session is over" for text in texts(app))
    (first, *_) = app.metric
    _, asked = questions(kind)
    right = sum(one.answer == one.options[0] for one in asked)
    assert first.value == f"{right} of {COUNT}"
    assert re.fullmatch(r"\d+ to \d+ %", first.delta)
    helped = any("Similar cases can mislead" in text for text in texts(app))
    assert helped == (kind == "unknown")


def test_before_a_class_the_controls_are_folded_and_keep_their_choice():
    app = opened("odd-one-out")
    app = toggle(app, "large").set_value(True).run()
    assert not app.exception
    assert [one.label for one in app.expander] == ["Archive and session"]
    assert control(app, "kind").value == "odd-one-out" and control(app, "n").value == COUNT
    app = toggle(app, "large").set_value(False).run()
    assert not app.expander and control(app, "kind").value == "odd-one-out"
