"""A measurement in its own process: the same figures, progress, an end at any moment."""

import json
import time

import pytest

from retrieval.__main__ import main
from retrieval.archives.archive import open_archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import background
from retrieval.evaluation.background import start_comparison, start_evaluation
from retrieval.evaluation.progress import Step


def waited(run):
    seen, end = set(), time.monotonic() + 120
    while not run.is_over():
        seen.add(run.progress())
        assert time.monotonic() < end
        time.sleep(0.05)
    return seen


def test_it_finds_what_the_command_line_writes(tmp_path):
    archive = open_archive("sample-ct")
    run = start_evaluation(archive.folder, "official", "test")
    waited(run)
    found = run.result()
    assert run.progress() == Step("Ranked", found["queries"], found["queries"])
    out = tmp_path / "result.json"
    command = ["evaluate", "sample-ct", "--queries", "sample-ct", "--split", "test"]
    assert main([*command, "--protocol", "official", "--json", str(out)]) == 0
    assert found == json.loads(out.read_text())
    folder = run._folder
    run.close()
    assert not folder.exists()


def test_a_comparison_finds_what_the_command_line_writes(tmp_path):
    archive, other = (open_archive(name) for name in ("covid-ct", "covid-ct-paper"))
    run = start_comparison(archive.folder, other.folder, "official")
    seen = waited(run)
    assert run.progress() == Step("Ranked", 406, 406)
    assert None in seen and all(step.total == 406 for step in seen if step)
    out = tmp_path / "result.json"
    assert main(["side-by-side", "covid-ct", "covid-ct-paper", "--json", str(out)]) == 0
    assert run.result() == json.loads(out.read_text())
    run.close()


def test_it_can_be_stopped_and_leaves_nothing():
    run = start_evaluation(open_archive("covid-ct").folder, "paper")
    assert not run.is_over() and run.progress() is None
    folder = run._folder
    run.stop()
    assert run.is_over()
    with pytest.raises(EvaluationError, match="was stopped"):
        run.result()
    run.close()
    assert not folder.exists()


def test_a_failure_says_why_in_its_own_words(archive):
    run = start_evaluation(archive.folder, "official", "nowhere")
    waited(run)
    with pytest.raises(EvaluationError, match="nowhere"):
        run.result()
    run.close()


def test_it_has_a_limit_that_nobody_must_watch(monkeypatch):
    monkeypatch.setattr(background, "TIME_LIMIT", 0.1)
    run = start_evaluation(open_archive("covid-ct").folder, "paper")
    assert run.process.wait(timeout=30) != 0 and run.is_over()
    run.close()


def test_it_ends_with_what_started_it():
    run = start_evaluation(open_archive("covid-ct").folder, "paper")
    process, files = run.process, run.files
    run.limit.cancel()
    del run
    assert process.wait(timeout=30) != 0
    files.cleanup()


def test_a_folder_may_be_named_from_anywhere(archive, tmp_path, monkeypatch):
    monkeypatch.chdir(archive.folder.parent)
    run = start_evaluation(archive.folder.relative_to(archive.folder.parent), "paper")
    waited(run)
    assert run.result()["archive"]["id"] == archive.id
    run.close()
