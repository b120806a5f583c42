"""Strangers by features that no label has touched: against a slow count, and real strangers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.__main__ import main
from retrieval.archives.archive import open_archive
from retrieval.reading import decode
from retrieval.statistics.calibration import NOVEL
from retrieval.statistics.evidence import NEIGHBOURS
from retrieval.trust.novelty import NoveltyDetector, _own_distances


@pytest.fixture(scope="module")
def xray():
    archive = open_archive("pneumonia-xray")
    return archive, NoveltyDetector.of(archive, archive.model())


def features_of(archive, columns):
    """Stored features of an archive in the order in which the model computes them."""
    place = {int(column): number for number, column in enumerate(archive.columns)}
    return np.asarray(archive.features)[:, [place[int(column)] for column in columns]]


def test_distances_are_those_counted_one_by_one(xray):
    archive, usual = xray
    stored = features_of(archive, np.asarray(archive.model().columns)).astype(np.float64)
    values = stored[:, usual.columns]
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    for row in (0, 2000, 5000):
        apart = np.sort(np.sqrt(((values - values[row]) ** 2).sum(axis=1)))
        wanted = apart[:NEIGHBOURS].mean()
        assert usual.distance(stored[row].astype(np.float16)) == pytest.approx(wanted, abs=0.02)


def test_the_own_patient_is_left_out():
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 4)).astype(np.float32)
    patients = np.repeat(np.array([f"p{number}" for number in range(20)]), 3)
    found = _own_distances(values, patients)
    for row in range(len(values)):
        others = values[patients != patients[row]].astype(np.float64)
        apart = np.sort(np.sqrt(((others - values[row]) ** 2).sum(axis=1)))[:NEIGHBOURS]
        assert found[row] == pytest.approx(apart.mean(), abs=1e-4)


def test_drawn_x_rays_are_strange_among_childrens_and_hardly_any_test_picture_is(xray):
    """The limit of train and val alone, asked of the test split."""
    archive, usual = xray
    columns = np.asarray(archive.model().columns)
    drawn = features_of(open_archive("sample-xray"), columns)
    assert np.mean([usual.is_out_of_distribution(one) for one in drawn]) > 0.95
    splits, patients = (archive.catalogue.column(name) for name in ("split", "patient_id"))
    rest = splits != "test"
    limit = np.quantile(_own_distances(usual.values[rest], patients[rest]), NOVEL)
    known = replace(usual, values=usual.values[rest], limit=float(limit))
    asked = features_of(archive, columns)[~rest]
    assert np.mean([known.is_out_of_distribution(one) for one in asked]) < 0.03


def test_an_archive_is_not_strange_to_itself():
    archive = open_archive("sample-ct")
    usual = NoveltyDetector.of(archive, archive.model())
    stored = features_of(archive, np.asarray(archive.model().columns))
    assert np.mean([usual.is_out_of_distribution(one) for one in stored]) <= 0.01


def test_without_untouched_features_or_with_few_cases_nothing_is_said(archive, model):
    assert NoveltyDetector.of(archive, model) is None
    paper = open_archive("covid-ct-paper")
    assert NoveltyDetector.of(paper, paper.model()) is None


def test_a_search_says_so(tmp_path, capsys):
    drawn = open_archive("sample-xray")
    entry = drawn.catalogue.entries([0])[0]
    picture = tmp_path / "drawn.png"
    picture.write_bytes(drawn.picture(entry).read_bytes())
    assert decode.read(picture).sha256 == entry.sha256
    assert main(["search", "pneumonia-xray", str(picture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trust"]["novel"] is True
