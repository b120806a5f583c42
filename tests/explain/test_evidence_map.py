"""Maps of evidence: exact sums for both encoders, and the bits that agree."""

import numpy as np
import pytest

from retrieval.archives.archive import open_archive
from retrieval.codes import hamming
from retrieval.encoding.encoder import Encoder, new_network, spec_named
from retrieval.encoding.lite import LiteNetwork
from retrieval.errors import ModelMismatch
from retrieval.explain.evidence_map import Scales, empty_like, stored_features
from retrieval.reading.decode import decode
from tests import small


@pytest.fixture(scope="module")
def pixels():
    return small.picture("disk", 3).astype(np.float32) / 255


@pytest.mark.parametrize("name", ["small", "lite"])
def test_shares_and_constant_sum_to_the_features(name, pixels):
    encoder = encoder_named(name)
    features = encoder.encode([pixels])[0].astype(np.float64)
    random = np.random.default_rng(1)
    for _ in range(3):
        coefficients = random.normal(size=len(features)).astype(np.float32)
        found, constant = encoder.shares(pixels, coefficients)
        wanted = float(coefficients.astype(np.float64) @ features)
        size = np.abs(coefficients * features).sum()
        assert abs(found.sum(dtype=np.float64) + constant - wanted) < 1e-5 * size


def encoder_named(name):
    """An untrained encoder; the pretrained kind with a normalisation that is not the identity."""
    import torch

    torch.manual_seed(0)
    spec = spec_named(name)
    network = new_network(spec, rows=16).eval().requires_grad_(False)
    if isinstance(network, LiteNetwork):
        network.centre.normal_()
        network.spread.uniform_(0.5, 2.0)
    return Encoder(spec, network)


def test_a_mirror_image_of_a_lite_query_has_the_mirrored_map(pixels):
    encoder = encoder_named("lite")
    coefficients = np.linspace(-1, 1, 16, dtype=np.float32)
    square = np.ascontiguousarray(pixels[:, :72])  # is not resampled differently when mirrored
    found, _ = encoder.shares(square, coefficients)
    mirrored, _ = encoder.shares(np.ascontiguousarray(square[:, ::-1]), coefficients)
    np.testing.assert_allclose(found, mirrored[:, ::-1], atol=1e-4)


def test_a_change_in_one_corner_moves_the_paper_networks_map_there_alone(pixels):
    encoder = encoder_named("small")
    coefficients = np.ones(16, dtype=np.float32)
    before, _ = encoder.shares(pixels, coefficients)
    # Standardising spreads any change over the picture: a swap within a corner leaves it alone.
    changed = pixels.copy()
    changed[:8, :8] = changed[:8, :8][::-1, ::-1]
    after, _ = encoder.shares(changed, coefficients)
    moved = np.abs(after - before) > 1e-6
    assert moved.any() and not moved[before.shape[0] // 2 :, before.shape[1] // 2 :].any()


def test_agreeing_bits_are_those_of_the_codes(archive, model):
    scales = Scales.of(archive, model)
    rows = range(0, len(archive), 5)
    for first in rows:
        for second in rows:
            found = scales.agreement(
                stored_features(archive, model, first), stored_features(archive, model, second)
            )
            distance = hamming.distances(archive.codes[[first]], archive.codes[[second]])[0, 0]
            assert archive.bits - found.agrees.sum() == distance
            assert not (found.above & ~found.agrees).any()
            assert (found.strength[~found.agrees] == 0).all()
            assert (
                found.strongest(3).tolist()
                == sorted(
                    np.flatnonzero(found.agrees).tolist(),
                    key=lambda bit: (-found.strength[bit], bit),
                )[:3]
            )


def test_a_map_sums_to_what_the_picture_adds_to_the_margins(archive, model, pixels):
    scales = Scales.of(archive, model)
    case = stored_features(archive, model, 0)
    found = scales.agreement(model.encode([pixels])[0], case)
    nothing = scales.agreement(model.encode([empty_like(pixels)])[0], case)
    wanted = sum(
        (1 if found.above[bit] else -1) * (found.margins[0, bit] - nothing.margins[0, bit])
        for bit in range(archive.bits)
        if found.agrees[bit]
    )
    # features are rounded to 16 bits
    assert scales.evidence(pixels, found).sum() == pytest.approx(wanted, rel=2e-3, abs=0.05)


def test_an_empty_picture_gives_no_evidence(archive, model, pixels):
    scales = Scales.of(archive, model)
    grey = empty_like(pixels)
    found = scales.agreement(model.encode([grey])[0], stored_features(archive, model, 0))
    # standardising divides the last digit of a mean by a spread of nearly nothing
    assert np.abs(scales.evidence(grey, found)).max() < 0.05


def test_features_of_another_model_are_refused(archive, model):
    scales = Scales.of(archive, model)
    with pytest.raises(ModelMismatch):
        scales.agreement(np.zeros(3, np.float16), np.zeros(3, np.float16))
    with pytest.raises(ModelMismatch):
        Scales.of(open_archive("sample-ct"), model)


@pytest.mark.parametrize("name", ["small", "sample-ct"])
def test_a_map_of_the_difference_sums_to_the_distances_from_the_thresholds(name, archive, model):
    """Against the codes as stored, the features as encoded and the spread, bit by bit."""
    if name != "small":
        archive = open_archive(name)
        model = archive.model()
    scales = Scales.of(archive, model)
    bits = np.unpackbits(np.asarray(archive.codes), axis=1)
    pair = (0, len(archive) - 1)
    found = scales.agreement(*(stored_features(archive, model, row) for row in pair))
    differing = np.flatnonzero(bits[pair[0]] != bits[pair[1]])
    assert len(differing) == found.differing > 0
    spread = np.asarray(archive.features, dtype=np.float64).std(axis=0)
    for place, row in enumerate(pair):
        path = archive.picture(archive.catalogue.entries([row])[0])
        scan = decode(path.read_bytes()).pixels
        features = model.encode([scan])[0].astype(np.float64)
        nothing = model.encode([empty_like(scan)])[0].astype(np.float64)
        wanted = constant = size = 0.0
        for bit in differing:
            column = model.ranking[bit]
            here = model.columns.tolist().index(column)
            sign = 1 if bits[row, bit] else -1
            scale = spread[archive.columns.tolist().index(column)]
            wanted += sign * (features[here] - model.thresholds[column]) / scale
            constant += sign * (nothing[here] - model.thresholds[column]) / scale
            size += (abs(features[here]) + abs(nothing[here])) / scale
        assert wanted > 0  # each differing bit's picture lies on its own side
        drawn = scales.difference(scan, found, place).sum(dtype=np.float64)
        assert drawn + constant == pytest.approx(wanted, abs=1e-3 * size)  # of 16-bit features


def test_the_sides_are_those_of_the_codes(archive, model):
    bits = np.unpackbits(np.asarray(archive.codes), axis=1)
    found = Scales.of(archive, model).agreement(
        stored_features(archive, model, 1), stored_features(archive, model, 7)
    )
    np.testing.assert_array_equal(found.sides, np.where(bits[[1, 7]], 1, -1))


def test_where_no_bit_differs_nothing_is_drawn(archive, model, pixels):
    scales = Scales.of(archive, model)
    case = stored_features(archive, model, 0)
    found = scales.agreement(case, case)
    assert found.differing == 0
    assert not scales.difference(pixels, found, 0).any()


def test_both_maps_count_the_same_bits_the_other_way(archive, model, pixels):
    scales = Scales.of(archive, model)
    found = scales.agreement(
        stored_features(archive, model, 0), stored_features(archive, model, len(archive) - 1)
    )
    first, second = (scales.difference(pixels, found, place) for place in (0, 1))
    np.testing.assert_allclose(first, -second, atol=1e-5)
    with pytest.raises(IndexError):
        scales.difference(pixels, found, 2)
