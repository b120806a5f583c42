"""Figures as files: sizes, white paper, and the same bytes for the same drawing."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from retrieval.reports import printing


def drawing(width=4.0, height=3.0):
    with printing.print_style():
        figure = Figure(figsize=(width, height))
        figure.add_subplot().plot([0, 1], [0, 1], color="black")
        figure.text(0.5, 0.97, "Precision at 10", ha="center")
    return figure


def test_what_people_typed_is_drawn_as_it_stands():
    text = "grade $a_$ and $b$"
    with printing.print_style():
        figure, plain = Figure(), Figure()
        figure.text(0, 0, text)
        plain.text(0, 0, text, parse_math=False)
    assert printing.as_bytes(figure, "svg") == printing.as_bytes(plain, "svg")


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_drawing_gives_the_same_bytes(kind):
    assert printing.as_bytes(drawing(), kind) == printing.as_bytes(drawing(), kind)


def test_a_picture_has_300_dots_an_inch_on_white():
    picture = Image.open(io.BytesIO(printing.as_bytes(drawing(4, 3), "png")))
    assert picture.size == (1200, 900)
    assert np.asarray(picture.convert("L"))[0, 0] == 255


def test_a_pdf_has_a_page_for_each_figure():
    data = printing.as_pdf([drawing(*size) for size in printing.PAGES.values()])
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page ") == 2
