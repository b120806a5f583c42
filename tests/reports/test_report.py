"""The documents say what the stored results say, and CI runs the command of the README."""

from pathlib import Path

import pytest

from retrieval.errors import EvaluationError
from retrieval.evaluation.results import read_result
from retrieval.reports import report, stored_tables, tables

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", ["README.md", "assets/results/README.md"])
def test_the_documents_hold_the_stored_results(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    command = f"python -m retrieval document results {document}"
    assert report.with_results(text) == text, f"run: {command}"


def test_the_short_table_has_the_same_figures_as_the_full_one():
    (short, *rows), (full, *full_rows) = (
        [
            line.strip("| ").split(" | ")
            for line in report.NAMED[name]().splitlines()
            if "---" not in line
        ]
        for name in ("summary", "results")
    )
    places = [full.index(column) for column in short]
    assert len(rows) == len(report.SUMMARY)
    assert all(row in [[cells[place] for place in places] for cells in full_rows] for row in rows)


def test_the_table_shows_the_figures_of_the_files():
    result = read_result("covid-ct-official")
    figure = result["at_k"]["10"]["precision"]
    row = next(
        line
        for line in stored_tables.results_table().splitlines()
        if line.startswith("| `ct` on COVID")
    )
    assert f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]" in row
    assert f"{result['queries']} against {result['archive']['count']}" in row


def test_a_document_without_marks_is_refused(tmp_path):
    (tmp_path / "x.md").write_text("nothing")
    with pytest.raises(EvaluationError, match="no part between"):
        report.update(tmp_path / "x.md")
    with pytest.raises(EvaluationError, match="no stored result"):
        read_result("nowhere")


def comparison():
    """A stored comparison in small: figure values that say where they come from."""

    def figures(value):
        precision = {"value": value, "low": value - 0.05, "high": value + 0.05}
        return {"at_k": {"10": {"precision": precision}}, "map": {**precision, "value": 0.9}}

    def choice(value):
        return {
            "bits": figures(value),
            "distinct": 0.75,
            "floats": {"cosine": figures(0.61), "euclidean": figures(0.62)},
            "minus_random": figures(-0.0001),
            "minus_floats": {"cosine": figures(0.02), "euclidean": figures(-0.03)},
        }

    length = {
        **{n: choice(0.5 + i / 100) for i, n in enumerate(("MID", "MIQ", "FCQ", "variance"))},
        "random": {
            "bits": figures(0.44),
            "distinct": 0.875,
            "spread": {"deviation": {"at_k": {"10": {"precision": 0.011}}, "map": 0.022}},
        },
    }
    return {
        "model": {"name": "m"}, "archive": {"count": 40}, "queries": 7, "splits": ["val"],
        "chance": 0.5, "features": 16, "lengths": {"8": length, "16": length},
    }  # fmt: skip


def test_lengths_table():
    head, line, first, last = tables.lengths_table(comparison(), "P@10").splitlines()
    assert head == "| Bits | MID | MIQ | FCQ | Variance | Random | MID - random |"
    assert line.count("---") == 7
    cells = "0.500 | 0.510 | 0.520 | 0.530 | 0.440 (0.011) | +0.000 [-0.050, +0.050] |"
    assert (first, last) == (f"| 8 | {cells}", f"| 16 (all) | {cells}")
    assert "0.900 (0.022)" in tables.lengths_table(comparison(), "mAP")


def test_floats_table():
    first = tables.floats_table(comparison(), "P@10", "MIQ").splitlines()[2]
    assert first == (
        "| 8 | 0.510 | 0.610 | 0.620 | +0.020 [-0.030, +0.070] | -0.030 [-0.080, +0.020] "
        "| 0.750 | 0.875 |"
    )


def test_each_table_stands_between_its_own_marks(monkeypatch):
    stored = {"lengths/x-val": comparison()}
    monkeypatch.setitem(report.NAMED, "results", lambda: "RESULTS")
    monkeypatch.setattr(report, "read_result", stored.__getitem__)
    made = "made by python -m retrieval document results"
    text = (
        f"a <!-- lengths/x-val: {made} -->old<!-- end of lengths/x-val --> b "
        f"<!-- results: {made} -->\nold\n\nold <!-- end of results --> c"
    )
    found = report.with_results(text)
    made_tables = tables.lengths_tables(comparison())
    assert found == (
        f"a <!-- lengths/x-val: {made} -->\n{made_tables}\n<!-- end of lengths/x-val --> b "
        f"<!-- results: {made} -->\nRESULTS\n<!-- end of results --> c"
    )
    assert report.with_results(found) == found
    assert "P@10 of `m`, 7 queries (split val) against 40 cases, chance 0.500:" in made_tables
    with pytest.raises(EvaluationError, match="no end"):
        report.with_results(found.replace("<!-- end of results -->", ""))
    with pytest.raises(EvaluationError, match="no table nothing"):
        report.with_results(f"<!-- nothing: {made} --><!-- end of nothing -->")


def test_ci_runs_the_test_command_of_the_readme():
    commands = [line for line in README.splitlines() if line.startswith("test: `")]
    assert len(commands) == 1 and commands[0].endswith("pytest`")
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_every_pin_is_exact():
    for file in ("requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("#"):
                assert line.count("==") == 1, f"{file}: {line}"


def audited(kept):
    """An audit in small whose overlap says which it is."""
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    unchanged = {"precision_at_10": figure, "balanced_at_10": figure}
    effect = {
        "description": "Turned.", "difference": figure, **unchanged,
        "overlap_at_10": {**figure, "value": kept},
    }  # fmt: skip
    return {"balanced_chance": 0.5, "unchanged": unchanged, "changes": {"turn": effect}}


def test_an_audit_stands_beside_that_of_features_that_nothing_was_taught():
    head, _, none, turned = tables.audit_table(audited(0.25), audited(0.75)).splitlines()
    assert head.endswith("| Kept of the first 10 | Kept by ImageNet's features |")
    assert none.endswith("|  |  |") and turned.endswith("| 0.250 | 0.750 |")
    alone = tables.audit_table(audited(0.25)).splitlines()
    assert alone[0].endswith("| Kept of the first 10 |") and alone[3].endswith("| 0.250 |")
