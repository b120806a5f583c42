"""The synthetic sample: drawn the same each time, honest in its splits, shaped like chests."""

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from retrieval.data.synthetic import Finding, sample, write_ct_series, write_sample
from retrieval.data.synthetic.anatomy import SIDES
from retrieval.data.synthetic.ct import draw_ct, draw_hounsfield
from retrieval.data.synthetic.ct_patient import CtPatient
from retrieval.data.synthetic.exposure import draw_xray
from retrieval.data.synthetic.organs import aorta
from retrieval.data.synthetic.regions import lung_distance, mediastinum_distance
from retrieval.data.synthetic.sample import PLANS, Plan, plan_cases
from retrieval.data.synthetic.scanner import window
from retrieval.data.synthetic.shapes import Tube, tubes_distance
from retrieval.data.synthetic.xray import XrayPatient, attenuation, frontal_grid, lung_air
from retrieval.errors import DataError

PIXELS = 96


def read_table(folder: Path) -> list[dict[str, str]]:
    with (folder / "images.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def patients_by_finding(number: int) -> dict[Finding, CtPatient]:
    return {finding: CtPatient.draw(20, number, finding) for finding in Finding}


@pytest.fixture(scope="module", params=["ct", "xray"])
def small_sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("sample") / request.param
    return request.param, write_sample(folder, request.param, patients=3)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[pydicom.FileDataset]:
    folder = tmp_path_factory.mktemp("series")
    write_ct_series(folder, slices=7, pixels=PIXELS)
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def hounsfield_of(dataset: pydicom.FileDataset) -> np.ndarray:
    stored = dataset.pixel_array.astype(np.float32)
    return stored * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)


def test_same_seed_draws_the_same_ct_slice_and_another_seed_does_not():
    first, again, other = (
        draw_ct(CtPatient.draw(seed, 3, Finding.GROUND_GLASS), 1, PIXELS) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_same_seed_draws_the_same_xray_and_exposures_differ():
    patient = XrayPatient.draw(5, 3, Finding.CONSOLIDATION)
    again = XrayPatient.draw(5, 3, Finding.CONSOLIDATION)
    loss = attenuation(patient, step=3.0)
    first = draw_xray(patient, loss, 0)
    assert np.array_equal(first, draw_xray(again, attenuation(again, step=3.0), 0))
    assert not np.array_equal(first, draw_xray(patient, loss, 1))


@pytest.mark.parametrize("modality", ["ct", "xray"])
def test_full_plan_has_enough_pictures_evenly_labelled_and_split(modality: str):
    cases = plan_cases(modality, sample.SAMPLE_SEED, PLANS[modality].patients)
    pictures = Counter()
    splits = Counter()
    for case in cases:
        pictures[case.finding] += case.pictures
        splits[case.finding, case.split] += 1
    assert sum(pictures.values()) >= 240
    assert max(pictures.values()) - min(pictures.values()) <= 2
    for finding in Finding:
        patients = sum(splits[finding, split] for split in ("train", "val", "test"))
        assert splits[finding, "train"] == pytest.approx(0.60 * patients, abs=1)
        assert splits[finding, "val"] == pytest.approx(0.15 * patients, abs=1)
        assert splits[finding, "test"] == pytest.approx(0.25 * patients, abs=1)


def test_number_of_pictures_per_patient_does_not_tell_the_label():
    for modality, plan in PLANS.items():
        cases = plan_cases(modality, sample.SAMPLE_SEED, plan.patients)
        sizes = {
            finding: Counter(case.pictures for case in cases if case.finding is finding)
            for finding in Finding
        }
        for finding in Finding:
            difference = sizes[finding] - sizes[Finding.CLEAR]
            assert difference.total() <= 1, (modality, sizes)


def test_table_lists_every_picture_once(small_sample: tuple[str, Path]):
    modality, folder = small_sample
    rows = read_table(folder)
    assert tuple(rows[0]) == sample.COLUMNS
    listed = sorted(row["file"] for row in rows)
    assert listed == sorted(f"images/{path.name}" for path in (folder / "images").iterdir())
    assert {row["source"] for row in rows} == {"synthetic"}
    assert all(row["patient_id"].startswith(f"synthetic-{modality}-") for row in rows)


def test_patients_have_one_label_and_one_split(small_sample: tuple[str, Path]):
    rows = read_table(small_sample[1])
    facts = {(row["patient_id"], row["label"], row["split"]) for row in rows}
    assert len(facts) == len({row["patient_id"] for row in rows}) == 3


def test_names_and_sizes_of_pictures_tell_nothing(small_sample: tuple[str, Path]):
    _, folder = small_sample
    rows = read_table(folder)
    sizes = set()
    for row in rows:
        with Image.open(folder / row["file"]) as picture:
            assert picture.mode == "L"
            assert not picture.info
            sizes.add(picture.size)
    assert len(sizes) == 1
    neighbours = [row["patient_id"] for row in sorted(rows, key=lambda row: row["file"])]
    runs = sum(a != b for a, b in pairwise(neighbours))
    assert runs > 3


def test_sample_written_twice_is_the_same(small_sample: tuple[str, Path], tmp_path: Path):
    modality, folder = small_sample
    again = write_sample(tmp_path / "again", modality, patients=3)
    for path in [*(folder / "images").iterdir(), folder / "images.csv"]:
        assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes()


def test_unknown_modality_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="mri"):
        write_sample(tmp_path / "sample", "mri")
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_left_alone(tmp_path: Path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(DataError, match="already exists"):
        write_sample(tmp_path, "ct", patients=3)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_failed_drawing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> list[np.ndarray]:
        raise MemoryError

    monkeypatch.setitem(PLANS, "ct", Plan(3, (1,), fail))
    with pytest.raises(MemoryError):
        write_sample(tmp_path / "sample", "ct")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", range(3))
def test_ct_shows_dark_lungs_beside_a_bright_mediastinum(number: int):
    patient = CtPatient.draw(20, number, Finding.CLEAR)
    grid = patient.grid(patient.slice_level(1), PIXELS)
    between = mediastinum_distance(patient.chest, grid)
    lungs = [lung_distance(patient.chest, grid, side, between)[0] < -4 for side in SIDES]
    aortic = tubes_distance(grid, aorta(patient.chest), 1)[0] < -4
    picture = draw_ct(patient, 1, PIXELS)
    hounsfield = draw_hounsfield(patient, patient.slice_level(1), PIXELS)
    for lung in lungs:
        assert lung.sum() > 300
        assert -900 < np.median(hounsfield[lung]) < -780
        assert picture[lung].mean() < 130 < 220 < picture[aortic].mean()


def test_vessels_stay_inside_the_lungs_and_are_brighter_near_the_hila():
    patient = CtPatient.draw(20, 1, Finding.CLEAR)
    tubes = patient.vessels.blood
    thick = [tube for tube in tubes if tube.start_radius > 3]
    thin = [tube for tube in tubes if tube.start_radius < 0.7]
    assert len(thin) > 1000

    def off_axis(group: list[Tube]) -> float:
        return float(np.mean([abs(tube.start[0]) for tube in group]))

    assert off_axis(thick) < off_axis(thin)


@pytest.mark.parametrize("number", range(4))
def test_findings_raise_the_density_of_the_same_lungs(number: int):
    people = patients_by_finding(number)
    healthy = people[Finding.CLEAR]
    z = healthy.slice_level(1)
    grid = healthy.grid(z, PIXELS)
    between = mediastinum_distance(healthy.chest, grid)
    clear = draw_hounsfield(healthy, z, PIXELS)
    means = {}
    for finding in (Finding.GROUND_GLASS, Finding.CONSOLIDATION):
        sick = draw_hounsfield(people[finding], z, PIXELS)
        filled = np.zeros(grid.shape)
        for side in SIDES:
            lung = lung_distance(healthy.chest, grid, side, between)
            share = people[finding].disease.filling(healthy.chest, grid, lung, side)
            filled = np.maximum(filled, share * (lung < -3))
        lesion = filled[0] > 0.7 * filled.max()
        means[finding] = sick[lesion].mean()
        assert means[finding] > clear[lesion].mean() + 80
        elsewhere = (filled[0] == 0) & (clear > -2000)
        assert np.abs(sick - clear)[elsewhere].mean() < 15
    assert means[Finding.GROUND_GLASS] + 150 < means[Finding.CONSOLIDATION]


@pytest.mark.parametrize("number", range(3))
def test_xray_shows_dark_lungs_and_a_bright_spine(number: int):
    patient = XrayPatient.draw(20, number, Finding.CLEAR)
    picture = draw_xray(patient, attenuation(patient, step=2.5), 0).astype(float)
    rows = slice(130, 190)
    spine = picture[rows, 134:154].mean()
    right, left = picture[rows, 60:90].mean(), picture[rows, 205:230].mean()
    outside = picture[:12, :12].mean()
    assert right < spine - 60
    assert left < spine - 60
    assert outside < min(right, left)


def test_xray_heart_lies_to_the_left_and_the_right_dome_is_higher():
    patient = XrayPatient.draw(20, 2, Finding.CLEAR)
    grid = frontal_grid(patient.chest, 2.5)
    air, _ = lung_air(patient, grid)
    level = np.searchsorted(grid.z, 0.72 * patient.chest.lung_height)
    right, left = grid.x < 0, grid.x > 0
    assert air[level, right].sum() > 1.1 * air[level, left].sum()
    below = np.searchsorted(grid.z, 0.91 * patient.chest.lung_height)
    middle = np.abs(np.abs(grid.x) - 0.48 * patient.chest.half_width) < 12
    assert air[below, right & middle].mean() < air[below, left & middle].mean()


@pytest.mark.parametrize("number", range(3))
def test_xray_findings_take_air_out_of_the_same_lungs(number: int):
    air = {}
    filled = {}
    for finding in Finding:
        patient = XrayPatient.draw(20, number, finding)
        air[finding], filled[finding] = lung_air(patient, frontal_grid(patient.chest, 2.5))
    assert filled[Finding.CLEAR].max() == 0
    for finding in (Finding.GROUND_GLASS, Finding.CONSOLIDATION):
        gone = air[Finding.CLEAR] - air[finding]
        np.testing.assert_allclose(gone, filled[finding], atol=0.05)
    lesions = {finding: np.percentile(filled[finding], 99) for finding in Finding}
    assert 8 < lesions[Finding.GROUND_GLASS] < lesions[Finding.CONSOLIDATION]


def test_series_is_ordered_by_position_and_not_by_name(series: list[pydicom.FileDataset]):
    numbers = [int(dataset.InstanceNumber) for dataset in series]
    assert sorted(numbers) == list(range(1, 8))
    assert numbers != sorted(numbers)
    ordered = sorted(series, key=lambda dataset: int(dataset.InstanceNumber))
    heights = [float(dataset.ImagePositionPatient[2]) for dataset in ordered]
    steps = np.diff(heights)
    assert (steps < 0).all()
    np.testing.assert_allclose(-steps, float(ordered[0].SliceThickness), atol=0.01)
    assert len({dataset.SOPInstanceUID for dataset in series}) == 7
    assert len({dataset.SeriesInstanceUID for dataset in series}) == 1


def test_series_has_a_misleading_window_and_synthetic_names(series: list[pydicom.FileDataset]):
    for dataset in series:
        assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        assert dataset.SOPClassUID == pydicom.uid.CTImageStorage
        assert (dataset.WindowCenter, dataset.WindowWidth) == (40, 80)
        assert dataset.PatientName == "SYNTHETIC^CASE"
        assert dataset.PatientID == "SYNTHETIC-0001"
        assert dataset.SOPInstanceUID.startswith(pydicom.uid.PYDICOM_ROOT_UID)


def test_series_holds_hounsfield_units_and_padding(series: list[pydicom.FileDataset]):
    ordered = sorted(series, key=lambda dataset: int(dataset.InstanceNumber))
    for dataset in ordered:
        assert dataset.pixel_array[0, 0] == dataset.PixelPaddingValue == -2000
        assert dataset.PixelRepresentation == 1
    middle = hounsfield_of(ordered[3])
    inside = middle[middle > -1100]
    assert -1024 <= inside.min() < -980
    assert ((inside > -950) & (inside < -600)).mean() > 0.15
    assert ((inside > -150) & (inside < 200)).mean() > 0.2
    assert inside.max() > 300


def test_series_agrees_with_the_eight_bit_picture(series: list[pydicom.FileDataset]):
    patient = CtPatient.draw(20, 1, Finding.GROUND_GLASS, (0.35, 0.80))
    dataset = next(item for item in series if int(item.InstanceNumber) == 4)
    drawn = draw_hounsfield(patient, -float(dataset.ImagePositionPatient[2]), PIXELS)
    inside = dataset.pixel_array != -2000
    stored = window(hounsfield_of(dataset), -600, 1500).astype(int)
    picture = window(drawn, -600, 1500).astype(int)
    assert np.abs(stored - picture)[inside].max() <= 1


def test_series_is_the_same_when_written_again(tmp_path: Path):
    first = write_ct_series(tmp_path / "a", slices=2, pixels=48)
    again = write_ct_series(tmp_path / "b", slices=2, pixels=48)
    assert [path.name for path in first] == [path.name for path in again]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_series_refuses_an_unknown_finding(tmp_path: Path):
    with pytest.raises(DataError, match="fracture"):
        write_ct_series(tmp_path, finding="fracture")
