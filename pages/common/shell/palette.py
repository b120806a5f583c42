"""Colours, symbols and dashes of charts and badges; findings have those of `reports.colours`."""

from retrieval.reports.colours import ALL_QUERIES, LABELS

__all__ = ["ALL_QUERIES", "LABELS"]  # beside what is defined here

BAND = "rgba(46, 134, 193, 0.28)"
CHANCE = "#7F8C8D"
PRINTED = "#C2589B"
LABEL_SYMBOLS = ("circle", "square", "diamond", "cross")
LABEL_DASHES = ("dash", "dashdot", "longdash", "longdashdot")
REGION = "#E69F00"  # framed in black: seen on any picture
CHOSEN = "#C2589B"  # 3:1 and more against both grounds
GRID = "rgba(127, 140, 141, 0.25)"
# Axes and legends: Streamlit's own grey has 3.7:1 on white. These are `grayTextColor` of the theme.
INKS = {"light": "#55626B", "dark": "#A9B5BD"}

IDENTICAL_BADGE = "green"
TIED_BADGE = "gray"
CAUTION_BADGE = "orange"
