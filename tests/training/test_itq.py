"""Iterative quantisation against random rotations, and where there are too few pictures."""

import numpy as np

from retrieval.training import itq


def clouds(n=300, d=40):
    """Values whose first directions spread far more than the last."""
    random = np.random.default_rng(0)
    return random.normal(size=(n, d)) * np.geomspace(10, 0.1, d) + random.normal(size=d)


def lost(projected):
    """Share of the length of projected values (n, bits) that their signs do not carry."""
    signs = np.where(projected > 0, 1.0, -1.0)
    scale = (signs * projected).mean()
    return ((projected - scale * signs) ** 2).sum() / (projected**2).sum()


def test_its_signs_lose_less_than_those_of_any_random_rotation():
    values = clouds()
    centred = values - values.mean(axis=0)
    matrix = itq.projection(values, 16, seed=0).astype(np.float64)
    assert matrix.shape == (16, 40)
    mine = lost(centred @ matrix.T)
    random = np.random.default_rng(1)
    for _ in range(20):
        rotation = np.linalg.qr(random.normal(size=(16, 16)))[0]
        assert mine < lost(centred @ matrix.T @ rotation) - 0.01


def test_it_is_a_rotation_of_the_scaled_principal_components():
    values = clouds()
    centred = values - values.mean(axis=0)
    matrix = itq.projection(values, 16, seed=0).astype(np.float64)
    spread, directions = np.linalg.svd(centred, full_matrices=False)[1:]
    scaled = directions[:16] / np.sqrt(spread[:16, None])
    rotation = matrix @ np.linalg.pinv(scaled)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(16), atol=1e-4)


def test_same_values_same_bits_and_another_seed_another_rotation():
    values = clouds()
    matrix, moved = (itq.projection(shifted, 8, seed=0) for shifted in (values, values + 3))
    assert np.allclose(matrix, moved, atol=1e-4)
    assert not np.allclose(matrix, itq.projection(values, 8, seed=1))


def test_too_few_pictures_get_random_directions():
    matrix = itq.projection(clouds(n=8), 16, seed=0)
    assert matrix.shape == (16, 40) and np.isfinite(matrix).all()
    assert np.array_equal(matrix, itq.projection(clouds(n=8) * 2, 16, seed=0))
