"""The input checks: kinds and poses on made-up features, the folder on disk, the figures' maths."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from retrieval.data.folder import read_folder
from retrieval.errors import DataError, EvaluationError, ModelError
from retrieval.evaluation.studies import input_check as study
from retrieval.trust import input_check, input_check_fitting, poses
from retrieval.trust.input_check import CLASSES, FAULTS, InputCheck
from retrieval.trust.input_check_fitting import Rows, Source
from tests import small

WIDTH = 20


def made_rows(patients=30, seed=0):
    """Features whose classes lie apart: kind, orientation and inversion each on its own axes."""
    random = np.random.default_rng(seed)
    of_class = np.tile(np.arange(12), patients)
    places = np.array(
        [
            [6 * (kind == "CT"), 4 * (pose == "upside down"), 4 * (pose == "turned"), 5 * inverted]
            for kind, pose, inverted in CLASSES
        ],
        dtype=float,
    )
    pooled = random.normal(scale=np.linspace(0.3, 1, WIDTH), size=(len(of_class), WIDTH))
    pooled[:, :4] += places[of_class]
    group = np.array([f"p{number // 12}" for number in range(len(of_class))])
    source = np.where(of_class < 6, "cts", "xrays")
    return Rows(pooled.astype(np.float32), of_class, source, group)


@pytest.fixture(scope="module")
def arrays():
    rows = made_rows()
    limits = input_check_fitting.limits_of(rows, input_check_fitting.cross_fitted(rows))
    return {**input_check_fitting.gaussians(rows), "limits": limits}


@pytest.fixture
def gate(arrays, tmp_path):
    return input_check.write(tmp_path / "gate", arrays, {"fitted_on": ["aa"]})


def test_distances_are_those_of_the_written_out_covariance(gate):
    """Mahalanobis distances with an explicit inverse, one picture and one class at a time."""
    rows = made_rows(2, seed=1)
    basis, weights = gate.basis.astype(float), gate.weights.astype(float)
    off = np.eye(WIDTH) - basis @ basis.T
    inverse = basis @ np.diag(weights[:-1]) @ basis.T + weights[-1] * off
    normal = (rows.pooled.astype(float) - gate.centre) / gate.spread
    for row, found in zip(normal, gate.distances(rows.pooled), strict=True):
        slow = [(row - mean) @ inverse @ (row - mean) for mean in gate.means.astype(float)]
        assert found == pytest.approx(slow, rel=1e-2, abs=1e-2)  # the basis has 16 bits


def test_kinds_and_faults_of_features(gate):
    rows = made_rows(1, seed=2)
    for features, number in zip(rows.pooled, rows.of_class, strict=True):
        kind, orientation, inverted = CLASSES[number]
        found = gate.check_features(features)
        assert found.kind == kind and found.inverted == inverted
        assert found.upside_down == (orientation == "upside down")
        assert found.turned == (orientation == "turned")
        assert gate.check_features(features) == found


def test_what_lies_far_off_is_neither_and_has_no_pose(gate):
    found = gate.check_features(np.full(WIDTH, 40, np.float32))
    assert found.kind == "" and found.scores["neither"] > 0
    assert not (found.inverted or found.upside_down or found.turned)
    assert found.warnings("CT") == (input_check.WORDS["neither"],)


def test_warnings_in_words(gate):
    right = gate.check_features(made_rows(1, seed=3).pooled[0])
    assert right.kind == "CT" and right.warnings() == right.warnings("CT") == ()
    assert right.warnings("X-ray") == (
        "This looks like a chest CT, and the archive holds X-ray pictures.",
    )
    wrong = replace(right, inverted=True, upside_down=True)
    assert wrong.warnings() == (input_check.WORDS["inverted"], input_check.WORDS["upside down"])
    assert all(text.endswith(".") for text in input_check.WORDS.values())
    assert json.loads(json.dumps(right.json()))["scores"].keys() == {"neither", "CT", *FAULTS}


def test_a_small_source_has_its_say_in_the_limits():
    rows = made_rows()
    cross = input_check_fitting.cross_fitted(rows)
    before = input_check_fitting.limits_of(rows, cross)
    sources = np.where((rows.of_class < 6) & (rows.groups == "p0"), "few", rows.sources)
    far = np.where((sources == "few")[:, None], cross + 500, cross)
    after = input_check_fitting.limits_of(replace(rows, sources=sources), far)
    assert after[0, 0] > 500 > before[0, 0] and after[1, 0] == before[1, 0]


def test_a_limit_of_a_fault_lies_in_the_gap(arrays):
    rows = made_rows(seed=4)
    faults = input_check.margins(input_check_fitting.distances(arrays, rows)).faults
    right, wrong = rows.right(), np.array([inverted for *_, inverted in CLASSES])[rows.of_class]
    ct = rows.of_class < 6
    assert faults[right & ct, 0].max() < arrays["limits"][0, 1] < faults[wrong & ct, 0].min()


def test_a_gate_on_disk_is_whole_or_refused(gate, tmp_path):
    again = InputCheck.load(gate.folder)
    again.verify()
    assert again.id == gate.id and again.fitted_on == {"aa"}
    with pytest.raises(ModelError, match=r"holds no intake.json"):
        InputCheck.load(tmp_path)
    file = next(gate.folder.glob("gate-*.safetensors"))
    content = file.read_bytes()
    file.write_bytes(content[:-4] + b"\0\0\0\x7f")
    with pytest.raises(ModelError, match=r"make or download .* again\.$"):
        InputCheck.load(gate.folder).verify()
    file.write_bytes(b"\xff" * len(content))
    with pytest.raises(ModelError, match=r"is damaged; make or download the gate again\.$"):
        InputCheck.load(gate.folder)
    file.unlink()
    with pytest.raises(ModelError, match="missing or cut off"):
        InputCheck.load(gate.folder)


@pytest.mark.parametrize("name", ["means", "limits", "weights"])
def test_arrays_that_do_not_fit_are_refused(arrays, tmp_path, name):
    with pytest.raises(ModelError, match="is damaged"):
        input_check.write(tmp_path / "gate", {**arrays, name: arrays[name][:-1]}, {"fitted_on": []})


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("orientation", poses.ORIENTATIONS)
def test_poses_undo_themselves(orientation, inverted):
    pixels = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    there = poses.posed(pixels, orientation, inverted, 1)
    back = poses.posed(there, orientation, inverted, 3)
    assert back == pytest.approx(pixels, abs=1e-6) and there.dtype == np.float32


def test_variations_are_pictures_and_the_same_for_the_same_seed():
    pixels = np.random.default_rng(0).random((60, 80), dtype=np.float32)
    for seed in range(30):
        found = [
            poses.framed(poses.varied(pixels, random), random)
            for random in (np.random.default_rng(seed), np.random.default_rng(seed))
        ]
        assert np.array_equal(*found) and found[0].dtype == np.float32
        assert 0 <= found[0].min() and found[0].max() <= 1 and min(found[0].shape) >= 40


@pytest.mark.parametrize("name", poses.RIGHT)
def test_changes_that_leave_a_scan_right(name):
    pixels = np.random.default_rng(0).random((60, 80), dtype=np.float32)
    before = pixels.copy()
    found = poses.RIGHT[name].apply(pixels)
    assert found.dtype == np.float32 and 0 <= found.min() and found.max() <= 1
    assert np.array_equal(pixels, before) and not np.array_equal(found, pixels)
    assert poses.RIGHT[name].description.endswith(".")


def test_auroc_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    right, wrong = random.integers(0, 8, 40) / 8, random.integers(3, 11, 30) / 8
    groups = np.array([f"p{number % 9}" for number in range(40)])
    found = study.auroc(right, wrong, groups, groups[:30])
    expected = roc_auc_score([0] * 40 + [1] * 30, np.append(right, wrong))
    assert found["value"] == pytest.approx(expected)
    assert found["low"] < found["value"] < found["high"] <= 1
    assert found == study.auroc(right, wrong, groups, groups[:30])


def test_the_interval_of_an_auroc_is_that_of_drawn_patients():
    """Against drawing patients one by one, with the same draws."""
    random = np.random.default_rng(1)
    groups = np.array([f"p{number % 22}" for number in range(30)])
    right, wrong = random.normal(size=30), random.normal(1, size=30)
    patient, drawn = study.patient_draws(groups)
    slow = []
    for counts in drawn[:300]:
        rows = np.repeat(np.arange(30), counts[patient])
        slow.append(np.mean(wrong[rows][None] > right[rows][:, None]))
    found = study.auroc(right, wrong, groups, groups)
    assert found["low"] == pytest.approx(np.percentile(slow, 2.5), abs=0.05)
    assert found["high"] == pytest.approx(np.percentile(slow, 97.5), abs=0.05)


def test_an_auroc_of_few_patients_or_of_no_error_keeps_a_width():
    def found(right, wrong, patients):
        groups = np.arange(patients).repeat(2).astype(str)
        return study.auroc(
            np.full(2 * patients, right), np.full(2 * patients, wrong), groups, groups
        )

    for patients in (3, 19, 200):
        expected = binomtest(patients, patients).proportion_ci(method="wilson")
        assert found(0.1, 0.9, patients)["low"] == pytest.approx(expected.low, abs=1e-6)
        assert found(0.9, 0.1, patients)["high"] == pytest.approx(1 - expected.low, abs=1e-6)
    assert found(0.1, 0.9, 1) == {"value": 1, "low": 0, "high": 1}


def stripes(pixels):
    """A cheap stand-in for the network: means of a coarse grid, float32 (16,)."""
    rows, columns = (np.array_split(np.arange(side), 4) for side in pixels.shape)
    cells = [pixels[np.ix_(row, column)].mean() for row in rows for column in columns]
    return np.array(cells, dtype=np.float32)


def test_pictures_become_rows(tmp_path):
    small.write_folder(tmp_path / "folder")
    source = input_check_fitting.labelled(tmp_path / "folder", "CT", ["train", "val"])
    again, read = source.at_most(10), reader()
    rows, ids = input_check_fitting.collect([again], stripes, read=read)
    assert len(rows) == 10 * len(again.files) and len(ids) == len(again.files) == 10
    assert np.bincount(rows.of_class[:10], minlength=12)[:6].tolist() == [5, 1, 1, 1, 1, 1]
    assert set(rows.sources) == {"folder"}
    assert {group.split()[1] for group in rows.groups} <= {f"p{n}" for n in range(12)}
    other, _ = input_check_fitting.collect([again], stripes, read=read)
    assert np.array_equal(rows.pooled, other.pooled)


def reader():
    from retrieval.reading import decode

    return decode.read


def test_a_second_look_leaves_out_the_frame(gate):
    """What counts of a picture that looks like neither is the nearer of its whole and middle."""
    scan, far = made_rows(1, seed=5).pooled[0], np.full(WIDTH, 40, np.float32)

    class Framed:
        """A scan in a frame: the middle is smaller and looks like a CT slice."""

        pooled = staticmethod(lambda pixels: far if pixels.shape[0] == 50 else scan)

    gate.__dict__["_view"] = Framed()
    pixels = np.zeros((50, 50), np.float32)
    assert gate.check_features(far).kind == "" and gate.check(pixels).kind == "CT"


def test_sources_of_pictures(tmp_path):
    small.write_folder(tmp_path / "folder")
    test = input_check_fitting.labelled(tmp_path / "folder", "CT", ["test"])
    every = input_check_fitting.loose(tmp_path / "folder", "CT")
    assert len(test.files) < len(every.files) == len(read_folder(tmp_path / "folder")) == 24
    assert every.at_most(5, 1) == every.at_most(5, 1) != every.at_most(5, 2)
    assert len(every.at_most(5).files) == 5 and every.at_most(99) is every
    table = tmp_path / "folder" / "images.csv"
    text = table.read_text()
    for split in ("train", "val", "test"):
        text = text.replace(f",{split},", ",unused,")
    table.write_text(text)
    with pytest.raises(DataError, match="has no picture that can be used"):
        input_check_fitting.labelled(tmp_path / "folder", "CT", ["test"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no pictures"):
        input_check_fitting.loose(tmp_path / "empty", "CT")
    with pytest.raises(DataError, match="has 9 pictures to fit on"):
        few = every.at_most(9)
        input_check_fitting.fit([few], tmp_path / "out", read=reader())
    with pytest.raises(DataError, match="no picture of kind X-ray"):
        input_check_fitting.fit([every], tmp_path / "out", read=reader())


class StandIn:
    """A gate's network in small."""

    pooled = staticmethod(stripes)


def test_measuring_leaves_out_what_was_fitted_on(tmp_path):
    folder = small.write_folder(tmp_path / "folder")
    every = input_check_fitting.loose(folder, "CT")
    xrays = Source("xrays", "X-ray", *(getattr(every, n) for n in ("files", "patients", "labels")))
    rows, ids = input_check_fitting.collect(
        [every.at_most(12), xrays.at_most(12, 5)], stripes, read=reader()
    )
    limits = input_check_fitting.limits_of(rows, input_check_fitting.cross_fitted(rows))
    gate = input_check.write(
        tmp_path / "gate",
        {**input_check_fitting.gaussians(rows), "limits": limits},
        {"fitted_on": sorted(set(ids[:12]))},
    )
    gate.__dict__["_view"] = StandIn()
    quiet = {"read": reader(), "progress": lambda *_: None}
    asked = study.sample(every, gate, **quiet)
    assert len(asked) == 24 - len(gate.fitted_on)
    strangers = study.sample(replace(every, kind=""), gate, **quiet)
    assert list(strangers.pooled) == [study.AS_IS]
    found = study.measure(gate, [asked], strangers)
    assert found["scans"]["folder"]["faults"]["inverted"]["auroc"]["value"] > 0.5
    assert found["strangers"]["all"]["auroc"]["folder"]["value"] == pytest.approx(0.5)
    assert json.loads(json.dumps(found)) == found
    shutil.rmtree(folder / "images")
    seen = every.take([])
    with pytest.raises(EvaluationError, match="fitted on all pictures"):
        study.sample(seen, gate, **quiet)
