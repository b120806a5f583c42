"""The audit of leaks: each count against a slow look, and each kind of leak when put there."""

from dataclasses import replace

import numpy as np

from retrieval.archives import archive as archives
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.studies import leaks


def test_a_clean_archive_has_none(archive, model):
    found = leaks.find(archive, model)
    assert found.test_cases == (archive.catalogue.column("split") == "test").sum()
    assert (found.patients_in_two_splits, found.pictures_twice, found.noted_cases) == (0, 0, 0)
    assert found.trained_test_cases == 0


def test_near_copies_by_brute_force(archive, model):
    column = archive.catalogue.column
    bits = np.unpackbits(np.asarray(archive.codes), axis=1)
    near = 0
    for row in np.flatnonzero(column("split") == "test"):
        others = [other for other in range(len(archive)) if column("split")[other] != "test"
                  and column("patient_id")[other] != column("patient_id")[row]]  # fmt: skip
        nearest = min(int((bits[row] != bits[other]).sum()) for other in others)
        near += nearest * 32 <= archive.bits
    assert leaks.find(archive, model).near_copies_across == near


def test_leaks_put_there_are_counted(archive, model, monkeypatch):
    cases = cases_of_archive(archive, model)
    splits, sha256, codes = cases.splits.copy(), cases.sha256.copy(), cases.codes.copy()
    own = np.flatnonzero(cases.patients == cases.patients[splits == "train"][0])
    splits[own[0]] = "val"  # a patient of two splits
    sha256[1] = sha256[0]  # a picture that stands twice
    labels, patients = cases.labels, cases.patients
    codes[:] = np.random.default_rng(1).integers(0, 256, codes.shape)  # none is near another
    first, second, third = np.flatnonzero(splits == "test")[:3]
    others = np.flatnonzero((splits == "train") & (labels == labels[first]))
    unlike = np.flatnonzero((splits == "train") & (labels != labels[first]))
    codes[others[-1]] = codes[unlike[-1]] = codes[first]  # near copies of both labels
    splits[unlike[-1]] = ""  # one that names no split is ranked too
    codes[second] = codes[np.flatnonzero(splits == "train")[0]]
    patients = patients.copy()
    patients[second] = patients[np.flatnonzero(splits == "train")[0]]  # of its own patient: no copy
    sha256[third] = sha256[np.flatnonzero(splits == "train")[4]]  # a test case that was trained on
    changed = replace(cases, splits=splits, sha256=sha256, codes=codes, patients=patients)
    monkeypatch.setattr(leaks, "cases_of_archive", lambda *_: changed)
    found = leaks.find(archive, model)
    assert (found.patients_in_two_splits, found.pictures_twice) == (2, 2)
    assert (found.near_copies_across, found.those_of_another_label) == (1, 1)
    assert found.trained_test_cases == 1


def test_a_test_patient_with_a_case_that_names_no_split_is_a_leak(archive, model, monkeypatch):
    cases = cases_of_archive(archive, model)
    splits = np.where(cases.splits == "train", "", cases.splits)
    patients = cases.patients.copy()
    patients[splits == ""] = "p"  # many cases of no split are no leak among themselves
    patients[np.flatnonzero(splits == "val")] = "p"
    changed = replace(cases, splits=splits, patients=patients)
    monkeypatch.setattr(leaks, "cases_of_archive", lambda *_: changed)
    assert leaks.find(archive, model).patients_in_two_splits == 0
    patients[np.flatnonzero(splits == "test")[0]] = "p"
    assert leaks.find(archive, model).patients_in_two_splits == 1


def test_covid_ct_has_its_known_conflicts():
    archive = archives.open_archive("covid-ct")
    found = leaks.find(archive, archive.model())
    assert found.test_cases == 203 and found.patients_in_two_splits == 0
    assert found.trained_test_cases == 0 and found.pictures_twice == 0
    assert found.noted_cases >= 4 and found.those_of_another_label <= found.near_copies_across
