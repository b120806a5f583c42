"""The curve of label against likeness: codes put together by hand, and its refusals."""

import json

import numpy as np
import pytest

from retrieval.__main__ import main
from retrieval.archives.archive import open_archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.ranking import Ranked
from retrieval.evaluation.studies import tradeoff


@pytest.fixture(scope="module")
def archive():
    return open_archive("sample-ct")


def test_each_point_is_that_of_codes_put_together_by_hand(archive):
    model = archive.model()
    found = tradeoff.measure(archive, model, "val", bits=16)
    assert [point.learned for point in found.points] == [0, 8, 16]
    place = {int(column): number for number, column in enumerate(archive.columns)}
    learned = [c for c in model.ranking.tolist() if c < 128 and c in place]
    kept = [c for c in model.ranking.tolist() if c >= 128 and c in place]
    columns = learned[:8] + kept[:8]
    bits = np.stack(
        [np.asarray(archive.features)[:, place[c]] > model.thresholds[c] for c in columns], axis=1
    )
    label, split = (archive.catalogue.column(name) for name in ("label", "split"))
    patient, sha256 = (archive.catalogue.column(name) for name in ("patient_id", "sha256"))
    values = []
    for row in np.flatnonzero(split == "val"):
        others = (split == "train") & (patient != patient[row]) & (sha256 != sha256[row])
        far = (bits[others] != bits[row]).sum(axis=1)
        alike = label[others] == label[row]
        edge = np.sort(far)[9]
        inside, tied = far < edge, far == edge
        values.append((alike[inside].sum() + (10 - inside.sum()) * alike[tied].mean()) / 10)
    assert found.points[1].precision[0] == pytest.approx(np.mean(values))
    assert found.queries == len(values)


def test_all_bits_of_the_model_lie_on_the_curve(archive):
    model = archive.model()
    cases = cases_of_archive(archive, model, 32)
    queries = cases.take(cases.splits == "val")
    gallery = cases.take(protocols.gallery_rows(cases, queries))
    wanted = Ranked.of(gallery, queries).rankings.precision(10)
    middle = tradeoff.measure(archive, model, "val", bits=32).points[1]
    assert middle.learned == 8  # of 32 bits of the shipped order, one in four is learned
    assert middle.precision[0] == pytest.approx(wanted.mean())


def test_refusals(archive):
    with pytest.raises(EvaluationError, match="no case in split nowhere"):
        tradeoff.measure(archive, archive.model(), "nowhere")
    with pytest.raises(EvaluationError, match="chosen on other splits"):
        tradeoff.measure(archive, archive.model(), "test")
    with pytest.raises(EvaluationError, match="of either alone"):
        tradeoff.measure(archive, archive.model(), "val", bits=128)
    paper = open_archive("covid-ct-paper")
    with pytest.raises(EvaluationError, match="and 0 that no label touched"):
        tradeoff.measure(paper, paper.model(), "val")


def test_the_command_writes_and_prints_the_curve(tmp_path, capsys):
    out = tmp_path / "curve.json"
    assert main(["study", "tradeoff", "sample-ct", "--bits", "16", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    printed = capsys.readouterr().out
    for point in found["points"]:
        assert f"| {point['learned']} | {point['precision_at_10']['value']:.3f}" in printed
