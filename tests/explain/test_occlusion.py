"""Maps by covering: cells tile a picture, and a fit finds what was put in."""

import numpy as np
import pytest

from retrieval.archives.archive import open_archive
from retrieval.explain import evidence_map, occlusion
from retrieval.explain.occlusion import COVERINGS, FINE, GRID
from retrieval.reading.decode import decode
from tests import small


def test_cells_are_replaced_one_by_one():
    start = np.zeros((37, 50), np.float32)
    end = np.ones_like(start)
    cells = np.eye(GRID * GRID, dtype=bool)
    assert (occlusion.replaced(start, end, cells.any(axis=0)) == 1).all()
    total = sum(occlusion.replaced(start, end, cell) for cell in cells)
    assert (total == 1).all()  # every pixel lies in exactly one cell
    rows, columns = np.nonzero(occlusion.replaced(start, end, cells[0]))
    assert rows.max() == 4 and columns.max() == 6


def test_coverings_are_opposites_in_pairs_and_always_the_same():
    stay = occlusion.coverings()
    assert stay.shape == (COVERINGS, GRID * GRID)
    np.testing.assert_array_equal(stay[::2], ~stay[1::2])
    assert len(np.unique(stay, axis=0)) == COVERINGS
    occlusion.coverings.cache_clear()
    np.testing.assert_array_equal(stay, occlusion.coverings())


def test_the_fit_finds_what_each_part_adds_whatever_any_covering_costs():
    random = np.random.default_rng(4)
    stay = random.random((2000, GRID * GRID)) < random.uniform(0.2, 0.8, (2000, 1))
    wanted = random.normal(size=GRID * GRID)
    left = stay @ wanted + 3.0 * GRID * stay.mean(axis=1) ** 2 - 7.0
    np.testing.assert_allclose(occlusion.fitted_parts(left, stay), wanted, atol=0.02)


def test_few_coverings_find_the_one_part_that_matters():
    for cell in range(GRID * GRID):
        found = occlusion.fitted_parts(
            occlusion.coverings()[:, cell].astype(float), occlusion.coverings()
        )
        assert found.argmax() == cell


@pytest.fixture(scope="module")
def scales(archive, model):
    return evidence_map.Scales.of(archive, model)


def agreed(archive, model, scales, pixels):
    stored = evidence_map.stored_features(archive, model, 0)
    return scales.agreement(model.encode([pixels])[0], stored)


def whole_map(scales, pixels, agreement):
    covered = occlusion.covered_features(scales.model, scales.model.seen(pixels))
    return occlusion.placed(scales, occlusion.parts(scales, covered, agreement), pixels)


def test_a_map_is_repeated_and_names_what_the_bits_need(archive, model, scales):
    pixels = small.picture("disk", 3).astype(np.float32) / 255
    fitted = model.seen(pixels)
    agreement = agreed(archive, model, scales, pixels)
    covered = occlusion.covered_features(model, fitted)
    found = occlusion.parts(scales, covered, agreement)
    assert found.shape == (GRID, GRID) and found.dtype == np.float32
    whole = whole_map(scales, pixels, agreement)
    np.testing.assert_array_equal(whole, np.kron(found, np.ones((FINE, FINE), np.float32)))
    np.testing.assert_array_equal(whole, whole_map(scales, pixels, agreement))

    def left(cells):
        chosen = np.isin(np.arange(GRID * GRID), cells)
        changed = occlusion.replaced(fitted, evidence_map.empty_like(fitted), chosen)
        return scales.firmness(model.encode_seen([changed])[0], agreement)

    order = np.argsort(-found.ravel())
    assert left(order[:16]) < left(order[-16:])  # most needed away, or least needed


def test_a_border_that_is_not_seen_holds_nothing_and_changes_nothing():
    archive = open_archive("sample-xray")
    model = archive.model()
    scales = evidence_map.Scales.of(archive, model)
    pixels = decode(archive.picture(archive.catalogue.entries([0])[0]).read_bytes()).pixels
    width = pixels.shape[1]
    bordered = np.pad(pixels, ((0, 0), (width // 8, width // 8)))
    maps = []
    for picture in (pixels, bordered):
        agreement = agreed(archive, model, scales, picture)
        maps.append(whole_map(scales, picture, agreement))
    plain, found = (seen[seen.any(axis=1)][:, seen.any(axis=0)] for seen in maps)
    np.testing.assert_allclose(found, plain, atol=1e-3)
    unseen = round(maps[1].shape[1] * (width // 8) / bordered.shape[1])
    assert unseen > 2 and not maps[1][:, :unseen].any() and not maps[1][:, -unseen:].any()


def test_how_firmly_a_picture_still_agrees_as_counted_by_hand(archive, model, scales):
    query, case, changed = (evidence_map.stored_features(archive, model, row) for row in (0, 5, 9))
    agreement = scales.agreement(query, case)
    place = {int(column): number for number, column in enumerate(model.columns)}
    firm = []
    for bit, column in enumerate(agreement.columns.tolist()):
        if agreement.agrees[bit]:
            side = 1 if agreement.above[bit] else -1
            value = float(changed[place[column]]) - float(model.thresholds[column])
            firm.append(min(max(side * value / float(scales.spread[column]), -1), 1))
    assert scales.firmness(changed, agreement) == pytest.approx(np.mean(firm), abs=1e-6)
    nothing = scales.agreement(query, case)
    none = evidence_map.Agreement(
        np.zeros_like(nothing.agrees), nothing.above, nothing.columns, nothing.margins
    )
    assert scales.firmness(changed, none) == 0.0
