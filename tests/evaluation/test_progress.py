"""Progress as data: what a counter wrote is what its reader finds."""

import json

from retrieval.evaluation.progress import Step, counter, latest


def test_the_latest_step_is_read(tmp_path):
    path = tmp_path / "progress.jsonl"
    assert latest(path) is None
    count = counter(path, "Ranked")
    count(1, 203)
    count(2, 203, 0.5)  # a loss, which is no progress
    assert latest(path) == Step("Ranked", 2, 203)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"what": "Ranked", "done": done, "total": 203} for done in (1, 2)]


def test_half_a_line_is_not_read(tmp_path):
    path = tmp_path / "progress.jsonl"
    path.write_text('{"what": "Ran')
    assert latest(path) is None
    path.write_text('{"what": "Ranked", "done": 1, "total": 9}\n{"what": "Ran')
    assert latest(path) == Step("Ranked", 1, 9)
