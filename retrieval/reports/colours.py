"""Colours of curves and of findings, the same on the screen and on paper.

Chosen after Okabe and Ito to differ for every kind of sight. Each has at least 3:1
against white and against both backgrounds of the app's theme.
"""

ALL_QUERIES = "#2E86C1"
LABELS = ("#D55E00", "#009E73", "#9A7D0A", "#8E7CC3")
