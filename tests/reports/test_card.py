"""Cards of shipped models say what the manifests and stored results say."""

from types import SimpleNamespace

import pytest

from retrieval.codes import model as models
from retrieval.errors import EvaluationError
from retrieval.evaluation import results
from retrieval.reports import card


@pytest.mark.parametrize("name", models.shipped())
def test_a_shipped_card_is_the_one_its_evaluations_give(name):
    model = models.load(name)
    text = (model.folder / card.CARD).read_text(encoding="utf-8")
    assert text == card.card(model), f"run: python -m retrieval document card {name}"
    assert model.id in text and f"codes of {model.bits} bits" in text
    for stored in card._measured(model):
        value = results.read_result(stored)["at_k"]["10"]["precision"]["value"]
        assert f"{value:.3f} [" in text


def test_a_model_that_does_not_ship_has_no_card(model):
    with pytest.raises(EvaluationError, match="does not ship"):
        card.card(model)


def test_a_card_without_figures_is_refused(monkeypatch):
    monkeypatch.setattr(card, "_model_of", lambda result: "another")
    with pytest.raises(EvaluationError, match="No evaluation of model ct "):
        card.card(models.load("ct"))


@pytest.mark.parametrize(
    ("recipe", "said", "unsaid"),
    [
        ({}, ["random weights"], ["one weight", "ImageNet"]),
        ({"free": True, "lessons": 0}, ["random weights"], ["one weight", "ImageNet"]),
        ({"free": False, "lessons": 0}, ["random weights", "one weight for all"], ["ImageNet"]),
        ({"free": False, "lessons": 8}, ["one weight for all", "ImageNet"], ["two-fold"]),
        ({"free": False, "instance": 0.3}, ["two-fold contrast"], ["ImageNet"]),
    ],
)
def test_a_card_says_how_the_papers_network_was_taught(recipe, said, unsaid):
    training = {"recipe": recipe, "start": ""}
    model = SimpleNamespace(encoder_name="paper", about={"training": training})
    text = card._taught(model)
    assert all(part in text for part in said) and not any(part in text for part in unsaid)
    training["start"] = "0123456789abcdef"
    assert "from model 0123456789abcdef" in card._taught(model)
    assert "random weights" not in card._taught(model)
    assert card._taught(SimpleNamespace(**{**vars(model), "encoder_name": "lite"})) == ""


@pytest.mark.parametrize(
    ("recipe", "idle"),
    [
        ({"margin": 1.0, "instance": 0.0, "temperature": 0.2, "lessons": 0, "lesson_rate": 1e-3},
         {"instance", "temperature", "lesson_rate"}),
        ({"margin": 1.0, "instance": 0.3, "temperature": 0.2, "lessons": 2, "lesson_rate": 1e-3},
         {"margin"}),
        ({"instance": 0.0, "temperature": 0.2}, set()),
    ],
)  # fmt: skip
def test_a_card_leaves_out_what_a_recipe_makes_no_use_of(recipe, idle):
    assert recipe.keys() - card._used(recipe).keys() == idle


def test_a_card_counts_the_pictures_without_labels():
    assert card._beside({}) == ""
    more = {"pictures": 1064, "data": "ab" * 32}
    said = card._beside({"beside": more})
    assert said == " Beside them 1,064 pictures without labels (abababababababab)."
