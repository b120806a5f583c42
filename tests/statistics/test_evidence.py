"""Evidence on disk: read back whole, or refused."""

import numpy as np
import pytest

from retrieval.errors import EvaluationError
from retrieval.statistics.evidence import Evidence
from tests import simulated


def made():
    rankings, _ = simulated.rankings(12)
    return simulated.evidence(rankings, [3, 4])


def test_evidence_without_a_recipe_or_kept_back_cases_is_read_too(tmp_path):
    """As it was stored before either was."""
    made().save(tmp_path / "new.npz")
    found = Evidence.load(tmp_path / "new.npz")
    assert np.flatnonzero(found.kept_back).tolist() == [3, 4]
    assert found.fitted.distances.shape == (12, len(found.kept_back) - 2)
    with np.load(tmp_path / "new.npz") as arrays:
        older = {name: arrays[name] for name in arrays if name not in ("recipe", "kept_back")}
    np.savez_compressed(tmp_path / "old.npz", **older)
    found = Evidence.load(tmp_path / "old.npz")
    assert found.recipe == "" and not found.kept_back.any() and found.fitted is found.searched
    assert np.array_equal(found.searched.distances, made().searched.distances)
    del older["bits"]
    np.savez_compressed(tmp_path / "damaged.npz", **older)
    with pytest.raises(EvaluationError, match="holds no evidence"):
        Evidence.load(tmp_path / "damaged.npz")


def test_damaged_evidence_is_refused_or_whole(tmp_path):
    made().save(tmp_path / "whole.npz")
    data = (tmp_path / "whole.npz").read_bytes()
    random = np.random.default_rng(0)
    whole = Evidence.load(tmp_path / "whole.npz")
    refused = 0
    for number in range(200):
        spoilt = bytearray(data)
        for place in random.integers(len(data), size=3):
            spoilt[place] ^= int(random.integers(1, 256))
        path = tmp_path / f"{number}.npz"
        path.write_bytes(spoilt)
        try:
            found = Evidence.load(path)
        except EvaluationError:
            refused += 1
        else:  # such as a date that nobody reads
            assert np.array_equal(found.kept_back, whole.kept_back)
            for name, value in vars(whole.searched).items():
                assert np.array_equal(getattr(found.searched, name), value), name
    assert refused > 150


def test_evidence_that_claims_to_be_encrypted_is_refused(tmp_path):
    made().save(tmp_path / "made.npz")
    data = bytearray((tmp_path / "made.npz").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # a flag in the first entry of the directory
    (tmp_path / "made.npz").write_bytes(data)
    with pytest.raises(EvaluationError, match="holds no evidence"):
        Evidence.load(tmp_path / "made.npz")
