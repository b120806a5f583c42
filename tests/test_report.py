"""The README says what the stored results say, and its commands are the ones that run."""

from pathlib import Path

import pytest

from retrieval import report
from retrieval.errors import EvaluationError

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_holds_the_stored_results():
    assert report.with_results(README) == README, "run: python -m retrieval report README.md"


def test_the_table_shows_the_figures_of_the_files():
    result = report.read_result("covid-ct-official")
    figure = result["at_k"]["10"]["precision"]
    row = next(
        line for line in report.results_table().splitlines() if line.startswith("| `ct` on COVID")
    )
    assert f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]" in row
    assert f"{result['queries']} against {result['archive']['count']}" in row


def test_a_document_without_marks_is_refused(tmp_path):
    (tmp_path / "x.md").write_text("nothing")
    with pytest.raises(EvaluationError, match="no part between"):
        report.update(tmp_path / "x.md")
    with pytest.raises(EvaluationError, match="no stored result"):
        report.read_result("nowhere")


def test_ci_runs_the_test_command_of_the_readme():
    commands = [line for line in README.splitlines() if line.startswith("test: `")]
    assert len(commands) == 1 and commands[0].endswith("pytest`")
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_every_pin_is_exact():
    for file in ("requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("#"):
                assert line.count("==") == 1, f"{file}: {line}"
