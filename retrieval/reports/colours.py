"""Colours of curves and of findings, the same on the screen and on paper.

Chosen after Okabe and Ito, so that colour-blind readers can tell them apart. Each has a
contrast of at least 3:1 to white and to both backgrounds of the app's theme.
"""

ALL_QUERIES = "#2E86C1"
LABELS = ("#D55E00", "#009E73", "#9A7D0A", "#8E7CC3")
