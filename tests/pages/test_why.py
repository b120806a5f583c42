"""What is said of a map whose evidence lies where nobody asked."""

from dataclasses import replace

import numpy as np
import pytest

from pages.common.shell import maps, pictures
from retrieval.archives.archive import open_archive


def pair(first, second, lungs=True):
    picture, evidence = np.zeros((8, 8), np.uint8), np.ones((2, 2), np.float32)
    return tuple(maps.Shown(picture, evidence, outside, lungs) for outside in (first, second))


@pytest.mark.parametrize(
    ("lungs", "place"),
    [(True, "outside the lungs, on borders or on text"), (False, "on borders or on text")],
)
def test_the_place_and_both_shares_are_said(lungs, place):
    names = ("your scan", "the archived case")
    both = maps.mostly_outside(pair(0.724, 0.81, lungs), names)
    assert both == f"{place}: 72 % of it in your scan, 81 % in the archived case"
    first = maps.mostly_outside(pair(0.724, 0.31, lungs), names)
    assert first == f"{place} in your scan: 72 % of it there, 31 % in the archived case"
    second = maps.mostly_outside(pair(0.14, 0.75, lungs), names)
    assert second == f"{place} in the archived case: 75 % of it there, 14 % in your scan"


def test_lungs_are_named_only_if_they_were_found_in_every_picture_meant():
    (with_lungs, _), (_, without) = pair(0.6, 0.7), pair(0.6, 0.7, lungs=False)
    said = maps.mostly_outside((with_lungs, without), ("A", "B"))
    assert said == "on borders or on text: 60 % of it in A, 70 % in B"


def test_nothing_is_said_while_most_of_both_lies_where_it_should():
    assert maps.mostly_outside(pair(0.5, 0.1), ("A", "B")) == ""


@pytest.mark.parametrize("name", ["sample-ct", "sample-xray"])
def test_lungs_count_only_where_they_were_found(name):
    archive = open_archive(name)
    evidence = np.ones((2, 2), np.float32)
    entries = archive.catalogue.entries(list(range(3)))
    drawn = [pictures.case_scan(archive, entry) for entry in entries]
    assert all(maps.shown(scan, evidence, archive).lungs == (name == "sample-ct") for scan in drawn)
    flat = replace(drawn[0], pixels=np.full((64, 64), 0.5, np.float32))
    assert not maps.shown(flat, evidence, archive).lungs
