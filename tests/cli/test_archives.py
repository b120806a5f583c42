"""index, add, remove, map, verify: an archive's life by the command line."""

import json
import shutil

import pytest
from PIL import Image

from retrieval.archives import archive as archives
from retrieval.archives.archive import open_archive
from tests import small
from tests.cli.calling import call
from tests.reading.test_dicom import made, ramp, saved


@pytest.fixture
def own(world, tmp_path):
    """A copy of the archive beside a copy of its model, to change."""
    shutil.copytree(world.model, tmp_path / "model")
    where = tmp_path / "world" / "archive"
    shutil.copytree(world.archive, where)
    about = json.loads((where / archives.MANIFEST).read_text())
    shutil.copytree(world.model, (where / about["model"]["folder"]).resolve())
    return where


def patients_of(archive):
    return [e.patient_id for e in open_archive(archive).catalogue.entries() if e.source == "added"]


def test_add_search_remove_verify(own, world):
    new = world.folder / "images" / "06-0.png"
    added = call("add", own, new, "--label", "bar")
    assert "06-0.png: This looks like neither a chest CT slice" in added.stderr
    assert "Patients are not known; intervals are over pictures." in added.stderr
    assert "21 cases is whole" in call("verify", own).stdout
    hit = json.loads(call("search", own, new, "-k", 1, "--json").stdout)["hits"][0]
    assert hit["identical"] and hit["label"] == "bar" and hit["patient_id"] is None
    call("remove", own, hit["id"])
    # The copy lies elsewhere than the archive that was linked to the pictures.
    lost = "20 cases is whole. Pictures that are not where it looks for them: 20."
    assert lost in call("verify", own).stdout
    kept = open_archive(world.archive)
    whole = f"Archive archive ({kept.id}) with 20 cases is whole.\n"
    assert call("verify", world.archive).stdout == whole


def test_a_patient_may_be_named_for_all_files(own, world):
    new = [world.folder / "images" / f"0{number}-0.png" for number in (6, 7)]
    done = call("add", own, *new, "--label", "odd", "--patient", " p6 ")
    assert "odd is a new label; known before: bar, disk." in done.stderr
    assert "The patient of 2 of the 2 new pictures is known; these are 1 patient." in done.stderr
    assert patients_of(own) == ["p6", "p6"]


def test_patients_may_be_named_in_a_table(own, tmp_path):
    for number in range(3):
        Image.fromarray(small.picture("disk", 900 + number)).save(tmp_path / f"{number}.png")
    files = [tmp_path / f"{number}.png" for number in range(3)]
    table = tmp_path / "patients.csv"
    table.write_text("patient_id,file\nx,0.png\n,1.png\nx,2.png\n")
    done = call("add", own, *files, "--label", "disk", "--patients", table)
    assert "The patient of 2 of the 3 new pictures is known; these are 1 patient." in done.stderr
    assert sorted(patients_of(own))[1:] == ["x", "x"]
    for text, sentence in (
        ("file,patient_id\n0.png,x\n", "does not list"),
        ("file,label\n0.png,x\n", "no column patient_id"),
        ("file,patient_id\n0.png,x\n0.png,y\n", "lists 0.png more than once"),
        ("file,patient_id\n0.png,picture:7\n", "starts with picture:"),
    ):
        table.write_text(text)
        done = call("add", own, *files, "--label", "disk", "--patients", table, expect=1)
        assert sentence in done.stderr


def test_patients_of_dicom_files_are_told_apart(own, tmp_path):
    files = []
    for number, patient in enumerate(("JANE", "JANE", "JOHN")):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(saved(made(ramp(number, 4000), PatientID=patient)))
    done = call("add", own, *files, "--label", "disk")
    assert "The patient of 3 of the 3 new pictures is known; these are 2 patients." in done.stderr
    assert "JANE" not in done.stderr + done.stdout
    assert len(set(patients_of(own))) == 2


def test_a_map_is_made_anew(own):
    call("remove", own, open_archive(own).catalogue.column("id")[0])
    assert open_archive(own).points is None
    assert "a map of 19 cases" in call("map", own).stdout
    assert open_archive(own).points.shape == (19, 2)
