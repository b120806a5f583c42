"""Words, safe text and colours."""

import re
import tomllib

import pytest

from pages.common.shell import palette, texts
from tests.pages.visiting import ROOT


@pytest.mark.parametrize(
    "text",
    [
        "![t](http://evil.example/t.gif)",
        "[a](javascript:alert(1))",
        "<iframe srcdoc='<script>x</script>'>",
        "**bold** _it_ `code` ~~no~~ $x^2$ | a",
        "# heading",
        "- item",
        "1. item",
        "www.evil.example a@evil.example",
        ":red[x] :material/home: :smile:",
        "two\nlines\u202e\x00",
    ],
)
def test_plain_text_has_no_markup_left(text):
    safe = texts.plain(text)
    assert not re.search(r"(?<!\\)[\[\]<>`*_$~|]", safe)
    assert not re.match(r"\d*[-+#=.)]", safe)
    assert not re.search(r"(?i)(:|@|www)[^\s\u2060]", safe)
    assert not re.search(r"[\n\x00\u202e]", safe)
    assert safe.replace("\\", "").replace("\u2060", "")[:3] == text[:3]


def test_plain_text_is_cut():
    assert texts.plain("a" * 50, 10) == "a" * 9 + "…"


@pytest.mark.parametrize(
    "doi", ["", "x", "10.1/x", "http://evil/10.1234/x", "10.1234/a b", "10.1234/"]
)
def test_what_is_no_doi_becomes_no_link(doi):
    assert texts.doi_link(doi) == ""


def test_an_unknown_patient_is_said_to_be_unknown():
    assert texts.patient_group("picture:0123456789abcdef") == "not known"
    assert texts.patient_group("p7") == "p7"


def luminance(colour):
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_colours_stand_out(mode):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][mode]
    for ground in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        assert contrast(theme["textColor"], ground) >= 7
        assert contrast(theme["linkColor"], ground) >= 4.5
        assert contrast(palette.INKS[mode], ground) >= 4.5
    lines = (palette.ALL_QUERIES, palette.CHANCE, palette.PRINTED, *palette.LABELS)
    for colour in lines:
        assert contrast(colour, theme["backgroundColor"]) >= 3, colour
