"""Sentences about one ranking."""

from dataclasses import replace

from pages.common.matches import sentences
from retrieval.archives.catalogue import Entry
from retrieval.search.hits import Hit, Hits


def ranking(patients, distances, beyond=None):
    entries = [
        Entry(str(n), str(n), "normal", patient, "", "", "", "", "", "")
        for n, patient in enumerate(patients)
    ]
    hits = [
        Hit(place + 1, place, distance, 128, False, distances.count(distance) > 1, entry)
        for place, (distance, entry) in enumerate(zip(distances, entries, strict=True))
    ]
    return Hits(tuple(hits), "", beyond)


def test_only_known_patients_are_counted_as_patients():
    def said(*patients):
        text = sentences.summary(ranking(patients, list(range(len(patients)))), 40, 40)
        return text.split(":** ")[1].split(". ")[0]

    assert said("a", "b", "b") == "3 Normal, from 2 patients"
    assert said("a", "picture:1", "picture:2") == (
        "3 Normal, from 1 patient and 2 cases whose patient is not known"
    )
    assert said("picture:1", "picture:2") == "2 Normal"


def test_a_tie_is_told_of_the_list_or_of_a_case_outside_it():
    hits = ranking(["a", "b", "c"], [4, 6, 6], beyond=6)
    assert sentences.tie(hits, 6).startswith("2 of the 3 cases listed differ in 6 bits, as does at")
    outside = replace(hits[0], rank=17, distance=9, tied=True)
    assert sentences.tie(hits, outside.distance) == (
        "Another case differs in 9 bits too. The order of the two means nothing."
    )
