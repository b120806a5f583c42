"""Stored results: which code made them, and whether the ledger knows of each look at test."""

import csv
import json
import shutil

import pytest

from retrieval.__main__ import main
from retrieval.evaluation import results

LEDGER = results.RESULTS / "test-ledger.csv"
ON_TEST = ("*-official.json", "*-paper.json", "seeds/*.json", "audit/*.json", "sources/*.json",
           "printed/*.json", "regions/*.json", "lengths/*-test.json")  # fmt: skip


def test_the_id_of_the_code_follows_its_text_alone(tmp_path, monkeypatch):
    own = results.code_id()
    copy = tmp_path / "elsewhere" / "retrieval"
    shutil.copytree(results.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(results, "PACKAGE", copy)
    assert results.code_id() == own
    file = copy / "evaluation" / "studies" / "leaks.py"
    text = file.read_bytes()
    file.write_bytes(text.replace(b"\n", b"\r\n"))
    assert results.code_id() == own  # a checkout on another system
    file.write_bytes(text.replace(b"near = other = 0", b"near = other = 1"))
    changed = results.code_id()
    file.rename(copy / "leaks.py")
    assert len({own, changed, results.code_id()}) == 3


def test_a_written_result_says_which_code_made_it(tmp_path, capsys, monkeypatch):
    out = tmp_path / "result.json"
    options = ["--split", "test", "--json", str(out)]
    assert main(["evaluate", "sample-ct", "--queries", "sample-ct", *options]) == 0
    assert json.loads(out.read_text())["code"] == {"id": results.code_id()}
    capsys.readouterr()
    monkeypatch.setattr(results, "code_id", lambda: "changed")  # while a long job ran
    results.write_result(out, {})
    assert json.loads(out.read_text()) == {"code": {"id": results.RUNNING}}
    monkeypatch.undo()
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"code {results.code_id()}\n"


def test_a_written_result_holds_six_decimal_places(tmp_path):
    found = {"at_k": {"1": (2 / 3, 5, None)}, "exact": True, "name": "0.1234567"}
    results.write_result(tmp_path / "result.json", found)
    text = (tmp_path / "result.json").read_text()
    assert text.startswith('{\n"at_k":{"1":[0.666667,5,null]},\n"exact":true,\n"name":"0.1234567"')


@pytest.mark.parametrize(
    "name", [*results.stored(), *results.audits(), *results.within(results.TRAVELS)]
)
def test_a_stored_result_is_as_it_would_be_written(name):
    found = results.read_result(name)
    assert found == results.rounded(found)


def stored_on_test():
    found = {path for pattern in ON_TEST for path in results.RESULTS.glob(pattern)}
    return sorted(str(path.relative_to(results.RESULTS).with_suffix("")) for path in found)


@pytest.mark.parametrize("name", [name for name in stored_on_test() if "sample" not in name])
def test_the_ledger_knows_every_look_at_a_test_split(name):
    with LEDGER.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if "test" in line["split"]]
    model = results.read_result(name).get("model", {}).get("id")
    if model is None:  # what the paper prints was measured by its authors
        assert name == "paper-printed"
    else:
        assert any(model in line["model"] for line in lines), f"{name}: {model} has no line"


@pytest.mark.parametrize("bits", ["32", "64", "128"])
def test_the_ledger_knows_the_lengths_that_the_readme_prints(bits):
    model = results.read_result("covid-ct-official")["model"]["id"]
    with LEDGER.open(encoding="utf-8", newline="") as file:
        assert any(model in line["model"] and line["bits"] == bits for line in csv.DictReader(file))
