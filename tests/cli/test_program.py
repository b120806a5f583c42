"""The command line as a whole: exit status, errors in one sentence, usage, help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.cli.program import program
from tests.cli.calling import call

ROOT = Path(__file__).parents[2]


def in_a_process(*arguments, expect=0, code=("-m", "retrieval")):
    done = subprocess.run(
        [sys.executable, *code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_process_ends_with_0_1_or_2():
    assert in_a_process("--version").stdout.startswith("code ")
    failed = in_a_process("search", "nowhere", "no\nsuch.png", expect=1)
    assert not failed.stdout and failed.stderr.startswith("There is no archive nowhere")
    assert len(failed.stderr.splitlines()) == 1
    assert "Usage: python -m retrieval search" in in_a_process("search", "a", expect=2).stderr


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from retrieval.__main__ import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    for arguments in (["--help"], ["train", "--help"], ["study", "--help"]):
        loaded = in_a_process(*arguments, code=("-c", code)).stdout.splitlines()[-1].split()
        assert not {"torch", "numpy", "sklearn", "scipy", "PIL"} & set(loaded)


def test_help_names_every_command_under_a_heading():
    text = call("--help").stdout
    headings = [line[:-1] for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == ["Options", "Archives", "Searching", "Models", "Data", "Measuring"]
    top = (
        "train index add remove search evaluate inspect calibrate download verify bench sample "
        "prune map study document"
    )
    assert set(program.commands) == set(top.split())
    for name in program.commands:
        assert f"\n  {name} " in text


@pytest.mark.parametrize(
    ("group", "names"),
    [
        (
            ("study",),
            "lengths faithfulness refinement tradeoff sources regions printed audit crossfit "
            "input-check side-by-side travel",
        ),
        (("study", "input-check"), "check fit measure"),
        (("document",), "results card booklet"),
    ],
)
def test_help_of_a_group_names_its_commands(group, names):
    text = call(*group, "--help").stdout
    listed = text.partition("Commands:\n")[2].splitlines()
    found = [line.split()[0] for line in listed if line[2:3] not in ("", " ")]
    assert sorted(found) == sorted(names.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("search", "nowhere", "x.png"), "There is no archive nowhere"),
        (("search", "{archive}", "x.png"), "x.png: There is no such file"),
        (("search", "{archive}", "README.md"), "README.md: "),
        (("search", "{archive}", "{picture}", "-k", "0"), "Cannot show 0 matches"),
        (("search", "{archive}", "{thin}"), "thin.png: The picture has 15 x 400 pixels, too few"),
        (("search", "{archive}", "no\nsuch.png"), "There is no such file"),
        (("search", "{archive}", ""), "This is a folder"),
        (("index", "nowhere", "--model", "{model}", "--out", "/nowhere/a"), "is not a folder"),
        (("index", "{folder}", "--model", "{model}", "--out", "{archive}"), "is not empty"),
        (("index", "{folder}", "--model", "no", "--out", "{archive}2"), "There is no model no"),
        (("add", "{archive}", "x.png", "--label", " "), "need a label"),
        (("add", "{archive}", "x.png", "--label", "a", "--patient", " "), "blank or starts with"),
        (("add", "{archive}", "x.png", "--label", "a", "--patients", "/no"), "as a table"),
        (("remove", "{archive}", "zzz"), "has no case zzz"),
        (("remove", "sample-ct", "zzz"), "comes with the project"),
        (("map", "sample-ct"), "comes with the project"),
        (("verify", "nowhere"), "There is no archive nowhere"),
        (("train", "{folder}", "--out", "{model}"), "is not empty"),
        (("train", "{folder}", "--out", "{model}2", "--encoder", "vgg"), "no encoder 'vgg'"),
        (("train", "{folder}", "--out", "{model}2", "--seed", "-1"), "Seed must lie between"),
        (("train", "{folder}", "--out", "{model}2", "--batch", "0"), "Batch must lie between"),
        (("train", "{folder}", "--out", "{model}2", "--bits", "12"), "not 12"),
        (("train", "{folder}", "--out", ".", "--encoder", "small"), "name one that is not there"),
        (
            ("train", "{folder}", "--out", "{model}2", "--unlabelled", "{folder}"),
            "passes with --distillation-epochs",
        ),
        (
            ("train", "{folder}", "--out", "{model}2", "--distillation-epochs", "1",
             "--unlabelled", "{folder}"),
            "names splits",
        ),
        (
            ("train", "{folder}", "--out", "{model}2", "--distillation-epochs", "1",
             "--unlabelled", "/typo"),
            "/typo is not a folder",
        ),
        (
            ("train", "{folder}", "--out", "{model}2", "--distillation-epochs", "1",
             "--encoder", "lite"),
            "knows no distillation epochs",
        ),
        (
            ("train", "{folder}", "--out", "{model}2", "--distillation-epochs", "-1"),
            "Distillation epochs must lie between",
        ),
        (("evaluate", "{archive}", "--queries", "{folder}", "--split", "tset"), "tset"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--protocol", "x"), "no protocol 'x'"),
        (("evaluate", "{archive}", "--queries", "/typo"), "no folder and no archive /typo"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--bits", "0"), "not 0"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--json", "/"), "is a folder"),
        (("evaluate", "{archive}", "--queries", "{folder}", "--json", ""), "is a folder"),
        (("calibrate", "sample-ct", "--queries", "{folder}"), "write a calibrated copy with --out"),
        (("calibrate", "{archive}", "--queries", "{archive}"), "at least 10 patients"),
        (("calibrate", "{archive}", "--queries", "{folder}", "--split", "test"), "split test"),
        (("calibrate", "{archive}", "--queries", "{archive}", "--split", "train"), "trained on"),
        (("study", "lengths", "{archive}", "--queries", "/typo"), "no folder and no archive /typo"),
        (("study", "lengths", "{archive}", "--queries", "{archive}", "--split", "tset"), "tset"),
        (
            ("study", "lengths", "{archive}", "--queries", "{archive}", "--split", "train"),
            "was trained on",
        ),
        (
            ("study", "lengths", "{archive}", "--queries", "{folder}", "--protocol", "paper"),
            "official",
        ),
        (
            ("study", "lengths", "{archive}", "--queries", "{folder}", "--protocol", "x"),
            "no protocol 'x'",
        ),
        (
            ("study", "lengths", "covid-ct-paper", "--queries", "{folder}"),
            "Only 64 of the 512 features",
        ),
        (("study", "audit", "nowhere", "--queries", "{folder}"), "There is no archive nowhere"),
        (("study", "audit", "{archive}", "--queries", "/typo"), "There is no folder"),
        (
            ("study", "audit", "{archive}", "--queries", "{folder}", "--changes", "x"),
            "no change 'x'",
        ),
        (("study", "audit", "{archive}", "--queries", "{folder}", "--bits", "12"), "not 12"),
        (("study", "audit", "{archive}", "--queries", "{folder}", "--json", "/"), "is a folder"),
        (("study", "crossfit", "{folder}", "--out", "{model}2", "--folds", "1"), "2 folds or more"),
        (("study", "tradeoff", "{archive}", "--split", "val", "--bits", "0"), "not 0"),
        (
            ("study", "travel", "no", "--gallery", "{archive}", "--queries", "{folder}"),
            "There is no model no",
        ),
        (
            ("study", "travel", "{model}", "--gallery", "{archive}:test", "--queries", "{folder}"),
            "has no case in split test",
        ),
        (("document", "results", "{picture}"), "cannot be read as text"),
        (("document", "booklet", "{picture}", "--out", "{model}.pdf"), "make it with evaluate"),
        (("sample", "ct", "--out", "{model}2", "--seed", "-1"), "0 or more, not -1"),
        (("download", "imagenet", "--out", "/nowhere/x"), "imagenet"),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_is_one_sentence(world, arguments, sentence):
    places = {name: getattr(world, name) for name in ("archive", "model", "folder", "thin")}
    filled = (text.format(**places, picture=world.picture) for text in arguments)
    done = call(*filled, expect=1)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.strip().endswith(".")
    assert not done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("study",),
        ("lengths", "a", "--queries", "b"),
        ("search",),
        ("search", "a", "b", "-k", "x"),
        ("search", "a", "b", "--jso"),
        ("add", "a", "--label", "b"),
        ("add", "a", "f", "--label", "b", "--patient", "p", "--patients", "t"),
        ("evaluate", "a", "--queries", "b", "--split", ","),
        ("calibrate", "a"),
        ("calibrate", "a", "--queries", "b", "--evidence", "c"),
        ("study", "audit", "a", "--queries", "b", "--changes", ","),
        ("study", "travel", "a", "--queries", "b"),
        ("study", "travel", "a", "--gallery", "b", "--queries", "c", "--label-map", "cap"),
        (
            "study",
            "travel",
            "a",
            "--gallery",
            "b",
            "--queries",
            "c",
            "--label-map",
            "cap=x",
            "--label-map",
            "cap=y",
        ),
        ("train", "a", "--out", "b", "--modality", "MR"),
    ],
)
def test_wrong_usage_exits_2(arguments):
    done = call(*arguments, expect=2)
    assert done.stderr.startswith("Usage: python -m retrieval") and not done.stdout


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (KeyboardInterrupt(), "Stopped; nothing unfinished is in use"),
        (OSError(28, "No space left on device", "/x"), "/x: No space left on device; check"),
        (ModuleNotFoundError("gone", name="torch"), "The package torch is missing"),
    ],
)
def test_what_stops_a_command_is_said_in_one_sentence(monkeypatch, raised, sentence):
    def stop(_):
        raise raised

    monkeypatch.setattr("retrieval.cli.verifying.verify", stop)
    said = call("verify", "sample-ct", expect=1).stderr
    assert said.strip().startswith(sentence) and len(said.strip().splitlines()) == 1
