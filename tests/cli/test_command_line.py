"""The command line: the contract that scripts rely on, in processes of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests import small
from tests.stored import ROUNDED

ROOT = Path(__file__).parents[2]


def call(*arguments, expect=0):
    done = subprocess.run(
        [sys.executable, "-m", "retrieval", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder, a model trained on it in two epochs, and an archive of its train and val splits."""
    root = tmp_path_factory.mktemp("world")
    small.write_folder(root / "folder")
    Image.linear_gradient("L").resize((15, 400)).save(root / "thin.png")
    options = ("--encoder", "small", "--bits", "32", "--epochs", "2", "--batch", "8")
    trained = call("train", root / "folder", "--out", root / "model", "--seed", "3", *options)
    assert "Pass 2 of 2" in trained.stderr
    indexed = call("index", root / "folder", "--model", root / "model", "--out", root / "archive",
                   "--split", "train,val")  # fmt: skip
    assert "linked, so both must move together" in indexed.stdout
    return root


def test_search_json(world):
    picture = world / "folder" / "images" / "00-0.png"
    done = call("search", world / "archive", picture, "-k", 4, "--json")
    answer = json.loads(done.stdout)
    assert "00-0.png: This looks like neither a chest CT slice" in done.stderr
    assert set(answer) == {"query", "hits"} and len(answer["query"]["sha256"]) == 64
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3, 4]
    assert set(answer["hits"][0]) == {
        "rank", "id", "distance", "bits", "label", "patient_id", "file", "identical",
    }  # fmt: skip
    first = answer["hits"][0]
    assert (first["distance"], first["bits"], first["identical"]) == (0, 32, True)
    assert (first["label"], first["patient_id"]) == ("bar", "p0")
    without = json.loads(
        call("search", world / "archive", picture, "-k", 4, "--without-self", "--json").stdout
    )
    assert [h["id"] for h in without["hits"][:3]] == [h["id"] for h in answer["hits"][1:]]


def test_search_in_words(world):
    lines = call("search", world / "archive", world / "folder" / "images" / "00-0.png").stdout
    assert "identical picture" in lines.splitlines()[0] and len(lines.splitlines()) == 10


def test_evaluate_json(world, tmp_path):
    done = call("evaluate", world / "archive", "--queries", world / "folder", "--split", "test",
                "--json", tmp_path / "out.json")  # fmt: skip
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["queries"] == 4 and result["archive"]["count"] == 20
    printed = float(re.search(r"P@10 ([\d.]+)", done.stdout)[1])  # a tie may be rounded either way
    assert abs(printed - result["at_k"]["10"]["precision"]["value"]) < 0.0005 + ROUNDED
    official = call("evaluate", world / "archive", "--queries", world / "folder", "--split", "test",
                    "--protocol", "official")  # fmt: skip
    assert "4 queries against 20 cases, 32 bits, protocol official" in official.stdout
    assert "P@10" in official.stdout and "P@50" not in official.stdout  # of 20 cases
    alike = result["similarity"]
    assert alike["cases"] == 20 and alike["own_patient"]["queries"] == 20
    assert set(alike["ties_at_10"]["cut"]) == {"value", "low", "high"}
    assert done.stdout.splitlines()[-1].startswith("similarity: ")


def test_audit_json(world, tmp_path):
    done = call("audit", world / "archive", "--queries", world / "folder", "--split", "val",
                "--changes", "border-only,gamma", "--json", tmp_path / "out.json")  # fmt: skip
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["queries"] == 4 and result["archive"]["count"] == 16
    assert list(result["changes"]) == ["border-only", "gamma-dark", "gamma-bright"]
    first, unchanged, *lines = done.stdout.splitlines()
    assert "4 queries against 16 cases, 32 bits, protocol official" in first
    assert "chance 0.500" in first and unchanged.startswith("unchanged")
    assert [line.split()[0] for line in lines] == list(result["changes"])
    assert "Encoded 4 of 4" in done.stderr
    leaky = call("audit", world / "archive", "--queries", world / "folder", "--split", "train",
                 "--changes", "crop", expect=1)  # fmt: skip
    assert "was trained on 16" in leaky.stderr and not leaky.stdout


def test_lengths(world, tmp_path):
    done = call("lengths", world / "archive", "--queries", world / "archive", "--split", "val",
                "--protocol", "official", "--json", tmp_path / "out.json")  # fmt: skip
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["queries"] == 4 and result["archive"]["count"] == result["fitted_on"] == 16
    figure = result["lengths"]["32"]["MIQ"]["bits"]["at_k"]["10"]["precision"]
    assert set(figure) == {"value", "low", "high"}
    assert f" {figure['value']:.3f} " in next(
        line for line in done.stdout.splitlines() if line.startswith("| 32 |")
    )
    call("lengths", world / "archive", "--queries", world / "folder", "--json",
         tmp_path / "encoded.json")  # fmt: skip
    encoded = json.loads((tmp_path / "encoded.json").read_text())
    assert {**encoded, "lengths": 0} == {**result, "lengths": 0}
    for bits, found in result["lengths"].items():
        assert encoded["lengths"][bits]["MID"]["bits"]["map"] == pytest.approx(
            found["MID"]["bits"]["map"]
        )


def test_train_again_with_the_same_seed_is_the_same_model(world, tmp_path):
    options = ("--encoder", "small", "--bits", "32", "--epochs", "2", "--batch", "8")
    call("train", world / "folder", "--out", tmp_path / "model", "--seed", "3", *options)
    ids = [
        json.loads((f / "model.json").read_text())["id"]
        for f in (world / "model", tmp_path / "model")
    ]
    assert ids[0] == ids[1]
    assert not (tmp_path / "model.partial").exists()


def test_the_papers_network_takes_its_own_settings(world, tmp_path):
    beside = tmp_path / "beside"
    beside.mkdir()
    for seed in (500, 501):
        Image.fromarray(small.picture("disk", seed)).save(beside / f"{seed}.png")
    options = ("--encoder", "small", "--bits", "32", "--epochs", "1", "--batch", "8", "--free")
    trained = call("train", world / "folder", "--out", tmp_path / "model", *options,
                   "--lessons", "1", "--beside", beside, "--instance", "0.3", "--mild")  # fmt: skip
    assert "Read beside 2 of 2" in trained.stderr and "Pass 2 of 2" in trained.stderr
    training = json.loads((tmp_path / "model" / "model.json").read_text())["training"]
    assert training["beside"]["pictures"] == 2
    named = {"lessons": 1, "free": True, "instance": 0.3, "mild": True}
    assert named.items() <= training["recipe"].items()


def test_prune_verify_add_remove(world, tmp_path):
    call("prune", world / "model", "--out", tmp_path / "pruned")
    assert "is whole" in call("verify", tmp_path / "pruned").stdout
    shutil.copytree(world / "archive", tmp_path / "archive")
    shutil.copytree(world / "model", tmp_path / "model")
    new = world / "folder" / "images" / "06-0.png"
    added = call("add", tmp_path / "archive", new, "--label", "bar")
    assert "06-0.png: This looks like neither a chest CT slice" in added.stderr
    assert "21 cases is whole" in call("verify", tmp_path / "archive").stdout
    hit = json.loads(call("search", tmp_path / "archive", new, "-k", 1, "--json").stdout)["hits"][0]
    assert hit["identical"] and hit["label"] == "bar"
    call("remove", tmp_path / "archive", hit["id"])
    # The copy lies elsewhere than the archive that was linked to the pictures.
    lost = "20 cases is whole. Pictures that are not where it looks for them: 20."
    assert lost in call("verify", tmp_path / "archive").stdout
    assert "20 cases is whole.\n" in call("verify", world / "archive").stdout


def test_inspect(world, tmp_path):
    (tmp_path / "empty.dcm").write_bytes(b"")
    picture = world / "folder" / "images" / "00-0.png"
    done = call("inspect", picture, tmp_path / "empty.dcm", "--json", expect=1)
    good, bad = (json.loads(line) for line in done.stdout.splitlines())
    assert set(good) == set(bad) == {
        "file", "ok", "format", "width", "height", "frames", "modality", "warnings", "error",
    }  # fmt: skip
    assert good["ok"] and (good["format"], good["width"], good["height"]) == ("PNG", 96, 72)
    assert not bad["ok"] and bad["error"] == "The file is empty; copy or export it again."
    assert "PNG, 96 x 72" in call("inspect", picture).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("search", "nowhere", "x.png"), "There is no archive nowhere"),
        (("search", "{archive}", "x.png"), "x.png: There is no such file"),
        (("search", "{archive}", "README.md"), "README.md: "),
        (("search", "{archive}", "{picture}", "-k", "0"), "Cannot show 0 matches"),
        (("search", "{archive}", "{thin}"), "thin.png: The picture has 15 x 400 pixels, too few"),
        (("index", "nowhere", "--model", "{model}", "--out", "/nowhere/a"), "is not a folder"),
        (("index", "{folder}", "--model", "{model}", "--out", "{archive}"), "is not empty"),
        (("index", "{folder}", "--model", "no", "--out", "{archive}2"), "There is no model no"),
        (("train", "{folder}", "--out", "{model}"), "is not empty"),
        (("train", "{folder}", "--out", "{model}2", "--encoder", "vgg"), "no encoder 'vgg'"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--split", "tset"), "tset"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--protocol", "x"), "no protocol 'x'"),
        (("lengths", "{archive}", "--queries", "/typo"), "no folder and no archive /typo"),
        (("lengths", "{archive}", "--queries", "{archive}", "--split", "tset"), "tset"),
        (("lengths", "{archive}", "--queries", "{archive}", "--split", "train"), "was trained on"),
        (("lengths", "{archive}", "--queries", "{folder}", "--protocol", "paper"), "official"),
        (("lengths", "{archive}", "--queries", "{folder}", "--protocol", "x"), "no protocol 'x'"),
        (("lengths", "covid-ct-paper", "--queries", "{folder}"), "Only 64 of the 512 features"),
        (("verify", "nowhere"), "There is no archive nowhere"),
        (("remove", "{archive}", "zzz"), "has no case zzz"),
        (("evaluate", "{archive}", "--queries", "/typo"), "no folder and no archive /typo"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--bits", "0"), "not 0"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--json", "/"), "is a folder"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--json", ""), "is a folder"),
        (("train", "{folder}", "--out", "{model}2", "--seed", "-1"), "Seed must lie between"),
        (("train", "{folder}", "--out", "{model}2", "--batch", "0"), "Batch must lie between"),
        (("train", "{folder}", "--out", "{model}2", "--bits", "12"), "not 12"),
        (("train", "{folder}", "--out", ".", "--encoder", "small"), "name one that is not there"),
        (("train", "{folder}", "--out", "{model}2", "--beside", "{folder}"), "with --lessons"),
        (
            ("train", "{folder}", "--out", "{model}2", "--lessons", "1", "--beside", "{folder}"),
            "names splits",
        ),
        (
            ("train", "{folder}", "--out", "{model}2", "--lessons", "1", "--beside", "/typo"),
            "/typo is not a folder",
        ),
        (
            ("train", "{folder}", "--out", "{model}2", "--lessons", "1", "--encoder", "lite"),
            "knows no lessons",
        ),
        (("search", "{archive}", "no\nsuch.png"), "There is no such file"),
        (("search", "{archive}", ""), "This is a folder"),
        (("remove", "sample-ct", "zzz"), "comes with the project"),
        (("calibrate", "sample-ct", "--queries", "{folder}"), "write a calibrated copy with --out"),
        (("calibrate", "{archive}", "--queries", "{archive}"), "at least 10 patients"),
        (("calibrate", "{archive}", "--queries", "{folder}", "--split", "test"), "split test"),
        (("calibrate", "{archive}", "--queries", "{archive}", "--split", "train"), "trained on"),
        (("audit", "nowhere", "--queries", "{folder}"), "There is no archive nowhere"),
        (("audit", "{archive}", "--queries", "/typo"), "is not a folder"),
        (("audit", "{archive}", "--queries", "{folder}", "--changes", "x"), "no change 'x'"),
        (("audit", "{archive}", "--queries", "{folder}", "--bits", "12"), "not 12"),
        (("audit", "{archive}", "--queries", "{folder}", "--json", "/"), "is a folder"),
        (("crossfit", "{folder}", "--out", "{model}2", "--folds", "1"), "2 folds or more"),
        (("sample", "ct", "--out", "{model}2", "--seed", "-1"), "0 or more, not -1"),
        (("tradeoff", "{archive}", "--split", "val", "--bits", "0"), "not 0"),
        (("side-by-side", "sample-ct", "sample-xray"), "share no test picture"),
        (("side-by-side", "{archive}", "sample-ct"), "has no case in split test"),
        (("report", "{picture}"), "cannot be read as text"),
        (("download", "imagenet", "--out", "/nowhere/x"), "imagenet"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(world, arguments, sentence):
    places = {
        "archive": world / "archive",
        "model": world / "model",
        "folder": world / "folder",
        "picture": world / "folder" / "images" / "00-0.png",
        "thin": world / "thin.png",
    }
    done = call(*(text.format(**places) for text in arguments), expect=1)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.strip().endswith(".")
    assert not done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("search",),
        ("search", "a", "b", "-k", "x"),
        ("evaluate", "a", "--queries", "b", "--split", ","),
        ("audit", "a", "--queries", "b", "--changes", ","),
        ("train", "a", "--out", "b", "--modality", "MR"),
    ],
)
def test_wrong_usage_exits_2(arguments):
    call(*arguments, expect=2)


def test_help_names_every_command():
    text = call("--help").stdout
    for name in ("train", "index", "add", "remove", "search", "inspect", "evaluate", "lengths",
                 "audit", "crossfit", "calibrate", "download", "verify", "bench"):  # fmt: skip
        assert name in text


def test_the_defaults_that_help_names_are_those_of_the_recipes():
    """`train --help` cannot import the recipes: they would load torch."""
    from retrieval.__main__ import TRAINING_SETTINGS
    from retrieval.training.siamese import Recipe
    from retrieval.training.transfer import TransferRecipe

    for name, how in TRAINING_SETTINGS.items():
        said = re.search(r"default: (.*?)\)", how["help"])
        if how.get("action") == "store_true":
            assert getattr(Recipe(), name) is False
            continue
        values = dict(re.findall(r"(paper |lite |)([\d.]+)", said[1].replace(",", "")))
        both = values.get("")
        for kind, recipe in (("paper ", Recipe()), ("lite ", TransferRecipe())):
            if hasattr(recipe, name):
                assert float(values.get(kind, both)) == getattr(recipe, name), name
