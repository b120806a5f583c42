"""What is said of a map whose evidence lies where nobody asked."""

import numpy as np
import pytest

from pages.common import maps
from retrieval.archive import open_archive


def pair(first, second):
    picture, evidence = np.zeros((8, 8), np.uint8), np.ones((2, 2), np.float32)
    return tuple(maps.Shown(picture, evidence, outside) for outside in (first, second))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("sample-ct", "outside the lungs, on borders or on text"),
        ("sample-xray", "on borders or on text"),
    ],
)
def test_the_place_and_both_shares_are_said(name, place):
    archive = open_archive(name)
    said = maps.mostly_outside(pair(0.724, 0.31), archive, ("your scan", "the archived case"))
    assert said == f"{place}: 72 % of it in your scan, 31 % of it in the archived case"


def test_nothing_is_said_while_most_of_both_lies_where_it_should():
    assert maps.mostly_outside(pair(0.5, 0.1), open_archive("sample-ct"), ("A", "B")) == ""
