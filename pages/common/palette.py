"""Colours of charts and badges, chosen after Okabe and Ito to differ for every kind of sight.

Each has at least 3:1 against both the light and the dark background of the theme.
"""

ALL_QUERIES = "#2E86C1"
BAND = "rgba(46, 134, 193, 0.28)"
CHANCE = "#7F8C8D"
PRINTED = "#C2589B"
LABELS = ("#D55E00", "#009E73", "#9A7D0A", "#8E7CC3")
LABEL_SYMBOLS = ("circle", "square", "diamond", "cross")
LABEL_DASHES = ("dash", "dashdot", "longdash", "longdashdot")
REGION = "#E69F00"  # framed in black: seen on any picture
GRID = "rgba(127, 140, 141, 0.25)"

IDENTICAL_BADGE = "green"
TIED_BADGE = "gray"
SYNTHETIC_BADGE = "violet"
CAUTION_BADGE = "orange"
