"""What shipped before the modules moved still ships: ids, codes and figures, to the last bit.

`golden/shipped.json` was written by the code of commit 09d6f71.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.archives import archive as archives
from retrieval.codes import model as models
from retrieval.evaluation.results import read_result
from retrieval.reading import decode

GOLDEN = json.loads((Path(__file__).parent / "golden" / "shipped.json").read_text())
SAMPLE = {"CT": "sample-ct", "X-ray": "sample-xray"}
OTHER_INTERVALS = {  # of few patients, or of patients who are all alike
    "covid-ct-paper",
    "covid-ct-paper-paper",
    "pneumonia-xray-paper",
    "sample-ct-official",
}
EVERY = 32  # of the sample's pictures one is encoded


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


@pytest.mark.parametrize("name", GOLDEN["models"])
def test_a_model_gives_the_same_codes(name):
    model, stored = models.load(name), GOLDEN["models"][name]
    assert model.id == stored["id"]
    assert digest(model.ranking.astype("<i8")) == stored["ranking"]
    assert digest(model.thresholds.astype("<f4")) == stored["thresholds"]
    archive = archives.open_archive(SAMPLE[model.modality])
    entries = archive.catalogue.entries(range(0, len(archive), EVERY))
    scans = [decode.read(archive.picture(entry)) for entry in entries]
    codes = [model.codes(model.encode([scan.pixels]))[0].tobytes().hex() for scan in scans]
    assert codes == stored["codes"]


@pytest.mark.parametrize("name", GOLDEN["archives"])
def test_an_archive_holds_the_same_codes(name):
    archive = archives.open_archive(name)
    found = {
        "id": archive.id,
        "count": len(archive),
        "codes": digest(archive.codes),
        "features": digest(archive.features),
    }
    assert found == GOLDEN["archives"][name]


@pytest.mark.parametrize("name", GOLDEN["results"])
def test_a_stored_result_has_the_same_figures(name):
    stored, found = GOLDEN["results"][name], read_result(name)
    ends = ("value",) if name in OTHER_INTERVALS else ("value", "low", "high")
    for k, figures in stored.items():
        figure = found["map"] if k == "map" else found["at_k"][k]["precision"]
        known = dict(zip(("value", "low", "high"), figures, strict=True))
        assert [figure[end] for end in ends] == pytest.approx(
            [known[end] for end in ends], abs=1e-6, rel=0
        )
