"""The studies that read whole archives: what they print is what they write."""

import json

import pytest

from tests.cli.calling import call


def test_audit_json(world, tmp_path):
    command = ("study", "audit", world.archive, "--queries", world.folder)
    done = call(*command, "--split", "val", "--changes", "border-only,gamma",
                "--json", tmp_path / "out.json")  # fmt: skip
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["queries"] == 4 and result["archive"]["count"] == 16
    assert list(result["changes"]) == ["border-only", "gamma-dark", "gamma-bright"]
    first, unchanged, *lines = done.stdout.splitlines()
    assert "4 queries against 16 cases, 32 bits, protocol official" in first
    assert "chance 0.500" in first and unchanged.startswith("unchanged")
    assert [line.split()[0] for line in lines] == list(result["changes"])
    assert "Encoded 4 of 4" in done.stderr
    leaky = call(*command, "--split", "train", "--changes", "crop", expect=1)
    assert "was trained on 16" in leaky.stderr and not leaky.stdout


def test_lengths(world, tmp_path):
    def lengths(queries, out, *more):
        done = call("study", "lengths", world.archive, "--queries", queries, "--json", out, *more)
        return json.loads(out.read_text()), done.stdout

    result, text = lengths(world.archive, tmp_path / "out.json", "--split", "val")
    assert result["queries"] == 4 and result["archive"]["count"] == result["fitted_on"] == 16
    figure = result["lengths"]["32"]["MIQ"]["bits"]["at_k"]["10"]["precision"]
    assert set(figure) == {"value", "low", "high"}
    assert f" {figure['value']:.3f} " in next(
        line for line in text.splitlines() if line.startswith("| 32 |")
    )
    encoded, _ = lengths(world.folder, tmp_path / "encoded.json")
    assert {**encoded, "lengths": 0} == {**result, "lengths": 0}
    for bits, found in result["lengths"].items():
        assert encoded["lengths"][bits]["MID"]["bits"]["map"] == pytest.approx(
            found["MID"]["bits"]["map"]
        )
