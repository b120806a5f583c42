"""What the search page says of how far to trust a ranking."""

from dataclasses import replace

import pytest

from pages.common.matches import sentences
from pages.common.measured import figures
from pages.common.shell import engine
from pages.common.shell import texts as words
from retrieval.archives import archive as archives
from retrieval.evaluation import results
from retrieval.trust.answer import Answer
from tests.pages.visiting import control, ranks, shipped_sample, started, texts, uploaded


def test_a_figure_measured_on_another_archive_is_not_shown(monkeypatch, archive):
    """Not even if that one has the same name and model."""
    shipped = archives.open_archive("covid-ct")
    value = results.read_result("covid-ct-official")["at_k"]["10"]["precision"]["value"]
    assert figures.trust(shipped, 10).startswith(f"On new patients {100 * value:.0f} of 100")
    other = replace(shipped, about={**shipped.about, "id": "0" * 16})
    assert figures.trust(other, 10) == figures.trust(archive, 10) == words.NOT_MEASURED


def test_a_ranking_no_better_than_chance_says_so():
    assert "no better than chance" in figures.trust_sentence(
        (0.54, 0.49, 0.59), 0.5, {"a": 0.5, "b": 0.6}
    )
    less = figures.trust_sentence((0.78, 0.71, 0.85), 0.5, {"a": 0.7, "b": 0.8}, unsure=True)
    assert less.startswith("Over all new patients, surer ones included, 78 of 100 matches")
    better = figures.trust_sentence((0.78, 0.71, 0.85), 0.5, {"covid": 0.74, "noncovid": 0.82})
    assert "from 74 for COVID-19 to 82 for No COVID-19" in better


def answer(archive, **changes):
    chances = {label: 1 / len(archive.labels) for label in archive.labels}
    chances[archive.labels[0]] += 0.123 - sum(chances.values()) + 1
    found = Answer(chances, answered=True, novelty=0.4, novel=False, current=True, why="")
    return replace(found, **changes)


def test_each_card_says_the_chance_of_the_same_finding(monkeypatch, drawn_scan):
    archive = shipped_sample()[0]
    stated = answer(archive)
    monkeypatch.setattr(engine, "judged", lambda *_: stated)
    app = uploaded(control(started(), "archive").select(archive.name).run(), drawn_scan)
    shown = [m.value for m in app.markdown if "% likely" in m.value]
    assert len(shown) == len(ranks(app)) + 1  # and the case with another finding
    stated = {sentences.chance(share) for share in stated.chances.values()}
    assert {text.rstrip("]").split(" · ")[-1] for text in shown} <= stated


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"answered": False}, words.UNSURE), ({"novel": True}, words.NOVEL)],
)
def test_no_chance_is_shown_where_it_would_mislead(monkeypatch, drawn_scan, changes, sentence):
    archive = shipped_sample()[0]
    monkeypatch.setattr(engine, "judged", lambda around, _: answer(around.archive, **changes))
    app = uploaded(control(started(), "archive").select(archive.name).run(), drawn_scan)
    assert sentence in texts(app) and ranks(app)
    assert not any("% likely" in text for text in texts(app))
    unsure = "answered" in changes
    assert any("surer ones included" in text for text in texts(app)) == unsure


def test_chances_are_never_certain():
    assert sentences.chance(0.999).startswith("99 % likely")
    assert sentences.chance(0.0).startswith("1 % likely")
    assert sentences.chance(0.624).startswith("62 % likely")
