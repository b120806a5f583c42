"""Whose pictures are added: named, or known by a salted checksum that gives nothing away."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from retrieval.archives import indexing
from retrieval.archives import patients as module
from retrieval.archives.archive import open_archive, verify
from retrieval.data.folder import names_patient
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.curves import evaluate
from retrieval.reading.sandbox import Decoder
from tests import small
from tests.reading.test_dicom import made, ramp, saved

SECRET = "MRN-4711-PLANTED"


@pytest.fixture
def own(folder, model, tmp_path):
    return indexing.index(folder, model, tmp_path / "own")


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as shared:
        yield shared


def slices(folder, *, patient=None, first=0, count=5):
    """DICOM files of nearly one picture; their values differ by a grey level."""
    files = []
    for number in range(first, first + count):
        files.append(folder / f"{number}.dcm")
        named = {} if patient is None else {"PatientID": patient}
        values = ramp(0, 4000)
        values[0, number] += 40
        files[-1].write_bytes(saved(made(values, **named)))
    return files


def added(archive, files, decoder, label="lesion"):
    return indexing.add(
        archive.folder,
        files,
        label,
        identify=lambda file, salt: decoder.patient(file.read_bytes(), salt),
        read=decoder.read,
    )


def groups(archive):
    entries = archive.catalogue.entries()
    return [entry.patient_id for entry in entries if entry.source == "added"]


def own_patient_out(archive, label):
    """P@1 of the queries of one label against all but their own patients."""
    model = archive.model()
    queries = cases_of_archive(archive, model)
    found = evaluate(archive, model, queries.take(queries.labels == label))
    return found.overall.at_k["precision"][0, 0]


@pytest.mark.parametrize(("patient", "found"), [(SECRET, 0.0), (None, 1.0)])
def test_slices_of_one_patient_do_not_find_each_other(own, decoder, tmp_path, patient, found):
    """Five slices of one patient, the only ones with their label: none of another is right."""
    grown = added(own, slices(tmp_path, patient=patient), decoder)
    assert len(set(groups(grown))) == (1 if patient else 5)
    assert names_patient(groups(grown)[0]) == bool(patient)
    assert own_patient_out(grown, "lesion") == found


def test_a_named_patient_is_one_patient_whatever_the_file_says(own, decoder, tmp_path):
    files = slices(tmp_path, patient=SECRET)
    grown = indexing.add(own.folder, files, "lesion", patients=["p0"] * 5, read=decoder.read)
    assert set(groups(grown)) == {"p0"} and module.SALT not in grown.about
    assert own_patient_out(grown, "lesion") == 0.0


def test_the_id_of_a_patient_is_nowhere_in_the_archive(own, decoder, tmp_path, capfd, caplog):
    grown = added(own, slices(tmp_path, patient=SECRET), decoder)
    unsalted = hashlib.sha256(SECRET.encode()).hexdigest()[:16]
    held = [path.read_bytes() for path in grown.folder.rglob("*") if path.is_file()]
    assert len(held) > 8 and any(groups(grown)[0].encode() in data for data in held)
    for clue in (SECRET, SECRET.lower(), SECRET.encode("utf-16-le").decode("latin-1"), unsalted):
        assert not any(clue.encode("latin-1") in data for data in held)
    told = "".join(capfd.readouterr()) + caplog.text + repr(grown.about)
    assert SECRET not in told
    verify(grown)


def test_a_patient_who_comes_again_is_the_same_here_and_another_elsewhere(
    own, folder, model, decoder, tmp_path
):
    once = added(own, slices(tmp_path, patient=SECRET, count=1), decoder)
    again = added(own, slices(tmp_path, patient=f" {SECRET} ", first=1, count=1), decoder)
    assert len(set(groups(again))) == 1 and again.about[module.SALT] == once.about[module.SALT]
    other = added(own, slices(tmp_path, patient="ANOTHER", first=2, count=1), decoder)
    assert len(set(groups(other))) == 2
    elsewhere = indexing.index(folder, model, tmp_path / "elsewhere")
    elsewhere = added(elsewhere, slices(tmp_path, patient=SECRET, count=1), decoder)
    assert not set(groups(elsewhere)) & set(groups(other))
    smaller = indexing.remove(own.folder, [other.catalogue.entries([0])[0].id])
    assert smaller.about[module.SALT] == once.about[module.SALT]


def test_files_that_name_nobody_stay_pictures_of_their_own(own, decoder, tmp_path):
    files = slices(tmp_path, patient="", count=2)
    files.append(tmp_path / "plain.png")
    Image.fromarray(small.picture("disk", 999)).save(files[-1])
    grown = added(own, files, decoder)
    assert not any(map(names_patient, groups(grown))) and len(set(groups(grown))) == 3
    assert module.SALT not in open_archive(own.folder).about


def test_tokens_depend_on_the_patient_and_the_salt_alone(decoder, tmp_path):
    one, two = (path.read_bytes() for path in slices(tmp_path, patient=SECRET, count=2))
    salts = ("00" * 16, "ff" * 16)
    tokens = [[decoder.patient(data, salt) for data in (one, two)] for salt in salts]
    assert [len(set(pair)) for pair in tokens] == [1, 1] and len(np.unique(tokens)) == 2
    assert decoder.patient(one[:200], salts[0]) == decoder.patient(b"no DICOM", salts[0]) == ""
