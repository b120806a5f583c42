"""The gate that ships: on the drawn samples, on strangers, and its stored figures on real scans."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.archives.archive import open_archive
from retrieval.cli.verifying import verify
from retrieval.encoding.encoder import SPECS, prepare
from retrieval.encoding.lite import pool
from retrieval.evaluation.results import INTAKE, read_result
from retrieval.evaluation.studies import input_check as study
from retrieval.evaluation.studies.input_check import AS_IS, WRONG
from retrieval.reading import decode
from retrieval.trust import input_check, input_check_fitting
from retrieval.trust.input_check import InputCheck
from retrieval.trust.poses import RIGHT
from tests import strangers

ROOT = Path(__file__).parents[2]
PICTURES = ROOT.parent / "shared" / "data"
STORED = read_result(INTAKE)
SAMPLES = [("sample-ct", "CT"), ("sample-xray", "X-ray")]


@pytest.fixture(scope="module")
def gate():
    return InputCheck.load()


def drawn(name, step=12):
    """Pictures of the drawn sample's test split, which the gate was not fitted on."""
    archive = open_archive(name)
    entries = [e for e in archive.catalogue.entries(range(len(archive))) if e.split == "test"]
    return [decode.read(archive.picture(entry)).pixels for entry in entries[::step]]


def test_the_gate_is_whole_small_and_tells_no_place(gate):
    assert verify(str(input_check.SHIPPED)) == f"Input check {gate.id} is whole."
    files = list(input_check.SHIPPED.iterdir())
    assert sum(file.stat().st_size for file in files) < 1.5e6
    manifest = (input_check.SHIPPED / input_check.MANIFEST).read_text()
    assert "/" not in manifest and STORED["gate"] == {
        "id": gate.id, "fitted_on": len(gate.fitted_on),
    }  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), SAMPLES)
def test_drawn_scans_are_known_and_wrong_ones_are_warned_of(gate, name, kind):
    for pixels in drawn(name):
        right = gate.check(pixels)
        assert right.kind == kind and right.warnings(kind) == ()
        assert gate.check(WRONG["inverted"](pixels)).inverted
        assert gate.check(WRONG["upside down"](pixels)).upside_down
        assert gate.check(WRONG["turned"](pixels)).turned
        assert gate.check(RIGHT["screenshot"].apply(pixels)).kind == kind


@pytest.mark.parametrize("name", ["china", "flower"])
def test_the_photographs_of_scikit_learn_are_neither(gate, name):
    found = gate.check(strangers.read("sklearn", "datasets/images", name))
    assert found.kind == "" and found.warnings() == (input_check.WORDS["neither"],)


def test_strangers_are_warned_of_as_often_as_stored(gate):
    pytest.importorskip("skimage", reason="scikit-image, whose pictures are used, is not installed")
    pooled, groups = [], []
    for group, _, pixels in strangers.sources():
        pooled.append(gate.look(pixels))
        groups.append(group)
    found = gate.scores(np.stack(pooled)).neither > 0
    whole = STORED["strangers"]["all"]
    assert len(groups) == whole["sources"]
    assert found.mean() == pytest.approx(whole["found"]["value"], abs=0.05)
    assert found[np.array(groups) == "photograph"].all()


@pytest.mark.parametrize(("name", "kind"), SAMPLES)
def test_the_untouched_half_of_a_served_model_gives_the_same_finding(gate, name, kind):
    """Its weights have 16 bits, so scores move a little and findings do not."""
    network = open_archive(name).model().encoder.network
    for pixels in drawn(name, step=30):
        with torch.inference_mode():
            front = network.body.front(torch.from_numpy(prepare(pixels, SPECS["lite"]))[None, None])
            shared = gate.check_features(pool(front, network.still)[0].numpy())
        own = gate.check(pixels)
        assert shared.kind == own.kind == kind and shared.warnings() == own.warnings()
        assert shared.scores["neither"] == pytest.approx(own.scores["neither"], abs=0.05)


@pytest.mark.skipif(
    not (PICTURES / "covid-ct").is_dir(), reason="the pictures of COVID-CT are not on this machine"
)
def test_the_stored_figures_of_covid_ct_are_what_its_pictures_give(gate):
    source = input_check_fitting.labelled(PICTURES / "covid-ct", "CT", ["test"])
    stored = STORED["scans"]["covid-ct"]
    pixels = [decode.read(file).pixels for file in source.files]
    upright, down = (
        gate.scores(np.stack([gate.look(change(one)) for one in pixels]))
        for change in (lambda one: one, WRONG["upside down"])
    )
    alarms = study.alarms_of(upright, "CT")
    for name, found in alarms.items():
        assert found.mean() == pytest.approx(stored["alarms"][name]["value"], abs=0.006), name
    patients = np.array(source.patients)
    found = study.auroc(upright.faults[:, 1], down.faults[:, 1], patients, patients)
    assert found == pytest.approx(stored["faults"]["upside down"]["auroc"], abs=1e-3)
    assert len(patients) == stored["pictures"] == 203


def test_the_stored_figures_are_good_enough():
    for name in ("covid-ct", "pneumonia-xray"):
        found = STORED["scans"][name]
        assert found["alarms"]["any"]["value"] < 0.05 and found["kind_right"]["value"] > 0.99
        for fault in ("inverted", "upside down"):
            assert found["faults"][fault]["auroc"]["low"] > 0.95
        for group in STORED["strangers"].values():
            assert group["auroc"][name]["value"] >= 0.99
    assert STORED["scans"]["pneumonia-xray"]["pictures"] == 624


def test_the_command_says_what_a_picture_looks_like(tmp_path):
    archive = open_archive("sample-ct")
    entry = next(iter(archive.catalogue.entries([0])))
    command = [sys.executable, "-m", "retrieval", "study", "input-check", "check"]
    picture = tmp_path / "drawn.png"
    picture.write_bytes(archive.picture(entry).read_bytes())
    done = subprocess.run([*command, picture, "--json"], cwd=ROOT, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["kind"] == "CT" and not found["inverted"] and done.returncode == 0
    (tmp_path / "x.png").write_bytes(b"no picture")
    both = [*command, tmp_path / "x.png", picture]  # the second is looked at all the same
    done = subprocess.run(both, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout.endswith(": CT.\n")
    assert "Traceback" not in done.stderr and done.stderr.startswith("x.png: ")


def test_every_measured_change_is_stored():
    for found in STORED["scans"].values():
        assert found["changed"].keys() == RIGHT.keys() and AS_IS not in found["changed"]
