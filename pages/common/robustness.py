"""Tables of what codes know beyond the label, and of what changes of a picture do to answers."""

from __future__ import annotations

import streamlit as st

from pages.common import words
from pages.common.figures import Json


def similarity(found: Json) -> None:
    """Whether near means alike: the figures that a copied label would fail."""
    own, finer = found["own_patient"], found["subtypes"]
    rows = [
        ("Distinct codes", words.percent(found["distinct_codes"])),
        ("Queries whose tenth match ties with the next", _share(found["ties_at_10"]["cut"])),
    ]
    if own:
        rows.append(("Other slices of the patient found among 10", _share(own["recall_at_10"])))
    if finer:
        text = f"{_share(finer['precision_at_10'])}; random order {words.percent(finer['chance'])}"
        rows.append(("Matches of the same subtype among 10", text))
    st.table(
        [{"Measure": name, "Value": value} for name, value in rows],
        border="horizontal",
        hide_index=True,
        alt="Figures of similarity",
    )
    st.caption(
        "A label copied into every bit would score well above and fail here: all codes alike, "
        "every match tied, no slice of the same patient nearer than another."
    )


def changes(audit: Json) -> None:
    """Precision at 10 when the query's picture is changed, and how much of the list stays."""
    rows = [
        {
            "Change of the query's picture": effect["description"],
            "Precision at 10": _share(effect["precision_at_10"]),
            "Difference, points": _points(effect["difference"]),
            "Same matches among 10": words.percent(effect["overlap_at_10"]["value"]),
        }
        for effect in audit["changes"].values()
    ]
    st.table(rows, border="horizontal", hide_index=True, alt="Precision under changes of pictures")
    st.caption(
        f"Unchanged: {_share(audit['unchanged']['precision_at_10'])}; random order "
        f"{words.percent(audit['chance'])}. What only the border gives should be chance."
    )


def _share(figure: Json) -> str:
    return words.interval((figure["value"], figure["low"], figure["high"]))


def _points(figure: Json) -> str:
    return "{value:+.1f} ({low:+.1f} to {high:+.1f})".format(
        **{name: 100 * value for name, value in figure.items()}
    )
