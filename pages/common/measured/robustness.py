"""Tables of what codes know beyond the label, and of what changes of a picture do to answers."""

from __future__ import annotations

import streamlit as st

from pages.common.measured.figures import Json
from pages.common.shell import tables, texts


def similarity(found: Json, name: str) -> None:
    """Whether near means alike: the figures that a copied label would fail."""
    own, finer = found["own_patient"], found["subtypes"]
    rows = [
        ("Distinct codes", texts.percent(found["distinct_codes"])),
        (
            "Queries whose tenth match ties with the next",
            texts.share_of(found["ties_at_10"]["cut"]),
        ),
    ]
    if own:
        rows.append(
            ("Other slices of the patient found among 10", texts.share_of(own["recall_at_10"]))
        )
    if finer:
        share, chance = texts.share_of(finer["precision_at_10"]), texts.percent(finer["chance"])
        text = f"{share}; random order {chance}"
        rows.append(("Matches of the same subtype among 10", text))
    tables.show(
        [{"Measure": measure, "Value": value} for measure, value in rows],
        f"{name}-similarity",
        "Figures of similarity",
    )
    st.caption(
        "A label copied into every bit would score well above and fail here: all codes alike, "
        "every match tied, no slice of the same patient nearer than another."
    )


def changes(audit: Json, name: str) -> None:
    """Precision at 10 when the query's picture is changed, and how much of the list stays."""
    rows = [
        {
            "Change of the query's picture": effect["description"],
            "Precision at 10": texts.share_of(effect["precision_at_10"]),
            "Difference, points": texts.points_of(effect["difference"]),
            "Mean over findings": texts.share_of(effect["balanced_at_10"]),
            "Same matches among 10": texts.percent(effect["overlap_at_10"]["value"]),
        }
        for effect in audit["changes"].values()
    ]
    tables.show(rows, f"{name}-changes", "Precision under changes of pictures")
    st.caption(
        f"Unchanged: {texts.share_of(audit['unchanged']['precision_at_10'])}; random order "
        f"{texts.percent(audit['chance'])}. Where a picture tells nothing, the mean "
        f"over the findings is {texts.percent(audit['balanced_chance'])}: with only the border "
        "left it should be that."
    )


def sources(found: Json, name: str) -> None:
    """Precision at 10 by where the query comes from, and with its own source left out."""
    rows = [
        {
            "Source, as the data set names it": texts.plain(group["source"]),
            "Queries": ", ".join(
                f"{count} {texts.plain(texts.label(label))}"
                for label, count in group["labels"].items()
            ),
            "Precision at 10": texts.share_of(group["precision_at_10"]),
            "Without cases of that source": _share_if(group, "without_own_source"),
            "Without as many at random": _share_if(group, "without_as_many_at_random"),
            "Difference, points": texts.points_of(group["difference"])
            if "difference" in group
            else "",
        }
        for group in found["groups"]
    ]
    tables.show(rows, f"{name}-sources", "Precision by source of the query")
    st.caption(
        f"Split {texts.plain(found['split'])}, {texts.count(found['archive']['count'], 'case')} "
        "searched; in brackets 95 % intervals. Pictures of one paper or collection are alike in "
        "how they were made. Where a finding comes from few sources, finding the source is finding "
        "the label: the difference is what that gave. Papers among themselves, and collections, "
        "may still be alike."
    )


def _share_if(group: Json, name: str) -> str:
    return texts.share_of(group[name]) if name in group else ""
