"""An evaluation in its own process: the same figures, progress, an end at any moment."""

import json
import time

import pytest

from retrieval.__main__ import main
from retrieval.archives.archive import open_archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import background
from retrieval.evaluation.background import start_evaluation


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
    done, total = run.progress()
    assert done == total == found["queries"]
    out = tmp_path / "result.json"
    command = ["evaluate", "sample-ct", "--queries", "sample-ct", "--split", "test"]
    assert main([*command, "--protocol", "official", "--json", str(out)]) == 0
    assert found == json.loads(out.read_text())
    folder = run._folder
    run.close()
    assert not folder.exists()


def test_it_can_be_stopped_and_leaves_nothing():
    run = start_evaluation(open_archive("covid-ct").folder, "paper")
    assert not run.is_over() and run.progress() == (0, 0)
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
