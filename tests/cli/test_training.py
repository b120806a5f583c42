"""train, prune: models by the command line."""

import json
import re
from types import SimpleNamespace

from PIL import Image

from retrieval.cli.training import SETTINGS, train
from retrieval.training.siamese import Recipe
from retrieval.training.transfer import TransferRecipe
from tests import small
from tests.cli.calling import call

SMALL = ("--encoder", "small", "--bits", "32", "--batch", "8")


def training_of(model):
    return json.loads((model / "model.json").read_text())["training"]


def test_train_again_with_the_same_seed_is_the_same_model(world, tmp_path):
    options = (*SMALL, "--seed", "3", "--epochs", "1")
    done = call("train", world.folder, "--out", tmp_path / "one", *options)
    assert "Pass 1 of 1" in done.stderr and "32 bits, is in" in done.stdout
    call("train", world.folder, "--out", tmp_path / "two", *options)
    one, two = (json.loads((tmp_path / n / "model.json").read_text())["id"] for n in ("one", "two"))
    assert one == two and not (tmp_path / "one.partial").exists()


def test_the_papers_network_takes_its_own_settings(world, tmp_path):
    unlabelled = tmp_path / "unlabelled"
    unlabelled.mkdir()
    for seed in (500, 501):
        Image.fromarray(small.picture("disk", seed)).save(unlabelled / f"{seed}.png")
    options = ("--distillation-epochs", "1", "--unlabelled", unlabelled, "--instance", "0.3")
    done = call("train", world.folder, "--out", tmp_path / "model", *SMALL, "--epochs", "0",
                "--free", "--mild", *options)  # fmt: skip
    assert "Read unlabelled 2 of 2" in done.stderr and "Pass 1 of 1" in done.stderr
    training = training_of(tmp_path / "model")
    assert training["beside"]["pictures"] == 2
    named = {"lessons": 1, "epochs": 0, "free": True, "instance": 0.3, "mild": True}
    assert named.items() <= training["recipe"].items()


def test_what_is_not_given_stays_as_the_recipe_has_it(monkeypatch):
    asked = []

    def train_model(root, out, plan, *, splits, progress):
        asked.append((plan, splits))
        return SimpleNamespace(name="y", id="0", bits=plan.bits, folder=out)

    monkeypatch.setattr("retrieval.training.jobs.train_model", train_model)
    monkeypatch.setattr("retrieval.codes.model.verify", lambda _: None)
    call("train", "x", "--out", "y", "--split", "train, val", "--texture", "0", "--mild")
    plan, splits = asked[0]
    assert plan.settings == {"texture": 0.0, "mild": True} and splits == ["train", "val"]
    assert (plan.encoder_name, plan.bits, plan.criterion, plan.beside) == ("paper", 64, "MID", None)


def test_prune_writes_a_model_of_the_codes_features(world, tmp_path):
    assert "computes" in call("prune", world.model, "--out", tmp_path / "pruned").stdout
    assert call("verify", tmp_path / "pruned").stdout.startswith("Model pruned (")


def test_the_defaults_that_help_names_are_those_of_the_recipes():
    """`train --help` cannot import the recipes: they would load torch."""
    settings = train.params[-len(SETTINGS) :]
    assert {option.name for option in settings} >= {"lessons", "seed", "free"}
    for option in settings:
        said = re.search(r"default: (.*?)\)", option.help)
        if option.is_flag:
            assert getattr(Recipe(), option.name) is False
            continue
        values = dict(re.findall(r"(paper |lite |)([\d.]+)", said[1].replace(",", "")))
        both = values.get("")
        for kind, recipe in (("paper ", Recipe()), ("lite ", TransferRecipe())):
            if hasattr(recipe, option.name):
                given = values.get(kind, both)
                assert float(given) == getattr(recipe, option.name), option.name
