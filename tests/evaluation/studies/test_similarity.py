"""Similarity figures against ones computed picture by picture, over all orders of the ties."""

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from retrieval.evaluation.cases import Cases, cases_of_archive, cases_of_folder
from retrieval.evaluation.protocols import gallery_for
from retrieval.evaluation.ranking import Ranked, ranked_by_protocol
from retrieval.evaluation.studies import similarity


def cases(codes, patients, *, labels=None, subtypes=None, sha256=None):
    n = len(codes)
    return Cases(
        np.array(codes, dtype=np.uint8).reshape(n, -1),
        np.array(["a"] * n if labels is None else labels),
        np.array(patients),
        np.array(["train"] * n),
        np.array([f"picture{i}" for i in range(n)] if sha256 is None else sha256),
        np.array([""] * n if subtypes is None else subtypes),
    )


@pytest.fixture()
def drawn():
    """40 cases of 14 patients on short codes, so that nearly everything ties."""
    random = np.random.default_rng(5)
    return cases(
        random.integers(0, 8, 40),
        [f"p{i % 14}" if i > 2 else f"alone{i}" for i in range(40)],
        labels=["sick" if i % 14 < 9 else "well" for i in range(40)],
        subtypes=[("bacteria", "virus")[i % 2] if i % 14 < 9 else "normal" for i in range(40)],
    )


def bits_apart(one, other):
    return sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(one, other, strict=True))


def expected_found(pool, query, hit, k=10):
    """Mean number of hits among the first k, cutting the tie at k evenly."""
    ranked = sorted((bits_apart(pool.codes[row], query), hit(row)) for row in range(len(pool)))
    at = ranked[min(k, len(ranked)) - 1][0]
    sure = [h for d, h in ranked if d < at]
    tied = [h for d, h in ranked if d == at]
    return sum(sure) + (min(k, len(ranked)) - len(sure)) * sum(tied) / len(tied)


def ties_of(gallery, queries):
    return similarity.ties_at_rank(Ranked.of(gallery, queries).rankings)


def test_distinct_share():
    assert similarity.distinct_share(np.array([[1, 2], [1, 2], [2, 1], [1, 3]], np.uint8)) == 0.75
    assert similarity.distinct_share(np.zeros((8, 2), np.uint8)) == 1 / 8


def test_ties_are_counted_as_one_would_by_hand():
    # distances from 0: five times 0, four times 1, three times 2; rank 10 is the first at 2
    gallery = cases([0] * 5 + [1] * 4 + [3] * 3, [f"g{i}" for i in range(12)])
    ties = ties_of(gallery, cases([0], ["q"], sha256=["q"]))
    assert ties.beyond.tolist() == [2, 0, 12] and ties.cut.tolist() == [1, 0, 1]  # one patient
    exact = gallery.take(np.arange(12) < 10)
    ties = ties_of(exact, cases([0], ["q"], sha256=["q"]))
    assert ties.beyond[0] == 0 and ties.cut[0] == 0
    few = gallery.take(np.arange(12) < 4)
    assert ties_of(few, cases([0], ["q"], sha256=["q"])).beyond[0] == 0


def test_ties_against_sorted_distances(drawn):
    found = ties_of(drawn, drawn)
    beyond = []
    for row in range(len(drawn)):
        ranked = sorted(
            bits_apart(drawn.codes[row], drawn.codes[other])
            for other in range(len(drawn))
            if drawn.patients[other] != drawn.patients[row]
        )
        beyond.append(sum(d == ranked[9] for d in ranked[10:]))
    assert found.beyond[0] == pytest.approx(np.mean(beyond))
    assert found.cut[0] == pytest.approx(np.mean(np.array(beyond) > 0))
    assert found.queries == 40 and 0 < found.cut[0] <= 1


def test_own_patient_recall_against_one_by_one(drawn):
    found = similarity.own_patient_recall(Ranked.of(drawn, drawn))
    values = []
    for row in range(40):
        others = drawn.take(np.arange(40) != row)
        own = others.patients == drawn.patients[row]
        if own.any():
            hits = expected_found(others, drawn.codes[row], lambda i, own=own: own[i])
            values.append(hits / min(10, own.sum()))
    assert found.queries == len(values) == 37
    assert found.recall[0] == pytest.approx(np.mean(values))
    assert found.recall[1] <= found.recall[0] <= found.recall[2]


def test_own_patient_recall_is_the_mean_over_all_orders_of_a_tie():
    """Eleven cases tie for the last place: try each of them there."""
    pool = cases([0] + [0] * 9 + [1] * 3, ["p", *(f"g{i}" for i in range(9)), "p", "x", "y"])
    found = similarity.own_patient_recall(Ranked.of(pool, pool.take(np.arange(13) == 0)))
    orders = list(permutations(["p", "x", "y"]))
    assert found.recall[0] == pytest.approx(np.mean([order[0] == "p" for order in orders]))


def test_recall_of_many_slices_divides_by_ten():
    pool = cases([0] * 13 + [255] * 5, ["p"] * 13 + [f"g{i}" for i in range(5)])
    found = similarity.own_patient_recall(Ranked.of(pool, pool))
    assert found.queries == 13 and found.recall[0] == 1


def test_a_copy_of_the_picture_is_no_other_slice():
    pool = cases([0, 0, 1], ["p", "p", "q"], sha256=["same", "same", "other"])
    assert similarity.own_patient_recall(Ranked.of(pool, pool)) is None


def test_subtypes_against_one_by_one(drawn):
    mask = similarity.divided(drawn.labels, drawn.subtypes)
    assert mask.tolist() == (drawn.labels == "sick").tolist()
    inside = drawn.take(mask)
    found = similarity.subtype_precision(Ranked.of(drawn, drawn))
    values, chance = [], []
    for row in range(len(inside)):
        others = inside.take(inside.patients != inside.patients[row])
        same = others.subtypes == inside.subtypes[row]
        hits = expected_found(others, inside.codes[row], lambda i, same=same: same[i])
        values.append(hits / 10)
        chance.append(same.mean())
    assert found.precision[0] == pytest.approx(np.mean(values))
    assert found.chance == pytest.approx(np.mean(chance)) and found.queries == len(inside)


def test_subtypes_without_strangers_are_not_asked():
    lone = cases([0, 1], ["p", "p"], subtypes=["x", "y"])
    assert similarity.subtype_precision(Ranked.of(lone, lone)) is None
    assert not similarity.divided(lone.labels, np.array(["", ""])).any()


def test_class_codes_carry_no_similarity(drawn):
    """One word for each class: every query is answered rightly, and nothing else is known."""
    words = np.where(drawn.labels == "sick", 0, 255).astype(np.uint8)[:, None]
    alone = replace(drawn, codes=words)
    found = similarity.measure(*ranked_by_protocol(alone, alone, "own-patient-out"))
    assert found.distinct == 2 / 40 and found.ties.beyond[0] > 9
    assert found.subtypes.precision[0] == pytest.approx(found.subtypes.chance)


def test_the_official_protocol_asks_only_the_queries(archive, folder, model):
    queries = cases_of_folder(folder.split(["test"]), model)
    gallery = gallery_for(archive, model, queries, protocol="official")
    found = similarity.measure(*ranked_by_protocol(gallery, queries, "official"))
    assert found.cases == 24 and found.own_patient.queries == len(queries) == 4
    stored = cases_of_archive(archive, model)
    whole = similarity.measure(*ranked_by_protocol(stored, queries, "own-patient-out"))
    assert whole.cases == 24 and whole.own_patient.queries == 24
    assert whole.subtypes is None and json.loads(json.dumps(whole.json()))["subtypes"] is None
