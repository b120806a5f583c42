"""evaluate: the contract that scripts rely on."""

import json

from tests.cli.calling import call


def test_evaluate_json(world, tmp_path):
    command = ("evaluate", world.archive, "--queries", world.folder, "--split", "test")
    done = call(*command, "--json", tmp_path / "out.json")
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["queries"] == 4 and result["archive"]["count"] == 20
    assert f"P@10 {result['at_k']['10']['precision']['value']:.3f}" in done.stdout
    assert "Ranked 4 of 4" in done.stderr
    alike = result["similarity"]
    assert alike["cases"] == 20 and alike["own_patient"]["queries"] == 20
    assert set(alike["ties_at_10"]["cut"]) == {"value", "low", "high"}
    assert done.stdout.splitlines()[-1].startswith("similarity: ")


def test_figures_go_as_deep_as_the_archive(world):
    done = call("evaluate", world.archive, "--queries", world.folder, "--split", "test",
                "--protocol", "official")  # fmt: skip
    first, *figures = done.stdout.splitlines()
    assert first == (
        "4 queries against 20 cases, 32 bits, protocol official; 95 % intervals over patients."
    )
    assert "P@10" in figures[0] and "P@50" not in figures[0]


def test_intervals_over_pictures_are_called_so(world, tmp_path):
    for picture in sorted((world.folder / "images").glob("*.png"))[:4]:
        place = tmp_path / "queries" / ("bar", "disk")[int(picture.name[:2]) % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / picture.name).write_bytes(picture.read_bytes())
    done = call("evaluate", world.archive, "--queries", tmp_path / "queries")
    assert "95 % intervals over pictures." in done.stdout.splitlines()[0]
