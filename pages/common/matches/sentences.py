"""Sentences about one ranking."""

from __future__ import annotations

from collections import Counter

from pages.common.shell import texts
from retrieval.data.folder import names_patient
from retrieval.search.folding import Group
from retrieval.search.hits import Hit, Hits

RANKS_NAMED = 5


def summary(hits: Hits, total: int, fitting: int) -> str:
    """What the nearest cases are, as markdown: never a verdict.

    fitting : how many of the archive's `total` cases the filter leaves.
    """
    labels = Counter(hit.entry.label for hit in hits.hits)
    parts = ", ".join(
        f"{number} {texts.plain(texts.label(name))}" for name, number in labels.most_common()
    )
    among = f"{total:,}" if fitting == total else f"{fitting:,} that fit the filter"
    return (
        f"**{len(hits)} nearest of {among}:** {parts}{_from_patients(hits)}. "
        "Similar is not the same diagnosis."
    )


def _from_patients(hits: Hits) -> str:
    """From how many patients the matches are; blank where of none the patient is known."""
    of_hits = [hit.entry.patient_id for hit in hits.hits]
    known = [patient for patient in of_hits if names_patient(patient)]
    if not known:
        return ""
    unknown = len(of_hits) - len(known)
    more = f" and {texts.count(unknown, 'case')} whose patient is not known" if unknown else ""
    return f", from {texts.count(len(set(known)), 'patient')}{more}"


def rank(hit: Hit, hits: Hits) -> str:
    """A case's rank among the matches, or among all cases."""
    return f"{hit.rank}." if hit in hits.hits else f"Rank {hit.rank} of all cases:"


def scale(hits: Hits, total: int, middle: int, *, filtered: bool) -> str:
    """What the strip of distances shows: how near the matches are for this archive."""
    nearest = "the nearest that fits the filter" if filtered else "the nearest match"
    whatever = ", whatever the filter" if filtered else ""
    return (
        f"How far all {total:,} cases are{whatever}: half of them "
        f"differ in {middle} or fewer of {hits[0].bits} bits, {nearest} in {hits[0].distance}, the "
        f"last one shown in {hits[len(hits) - 1].distance} (shaded). Fewer is more alike."
    )


def more(group: Group) -> str:
    """The title of what stands behind a card, with the labels that are not the card's."""
    label = group.first.entry.label
    ranks = [str(hit.rank) for hit in group.folded]
    other = {hit.entry.label for hit in group.folded} - {label}
    named = ", ".join(texts.plain(texts.label(name), 30) for name in sorted(other))
    listed = ", ".join(ranks[:RANKS_NAMED]) + (" …" if len(ranks) > RANKS_NAMED else "")
    return f"Also {'rank' if len(ranks) == 1 else 'ranks'} {listed}{f': {named}' if named else ''}"


def folded(patient: int, copies: int) -> str:
    """What stands behind a card."""
    parts = []
    if patient:
        parts.append(f"{texts.count(patient, 'more picture')} of this patient")
    if copies:
        parts.append(f"{copies} with nearly the same code")
    return ", ".join(parts)


def distance(hit: Hit) -> str:
    """A hit's distance in words."""
    return f"{hit.distance} of {hit.bits} bits differ"


def moved(hit: Hit) -> str:
    """The same where examples moved the query: no picture has the code that is asked with."""
    return f"{hit.distance} of {hit.bits} bits from the refined query"


def chance(share: float) -> str:
    """Calibrated chance that a case has the query's finding."""
    return f"{round(100 * min(max(share, 0.01), 0.99))} % likely to share your scan's finding"


def gap(hits: Hits, place: int) -> str:
    """How much farther the case after this one is, which is none of its ties."""
    following = hits[place + 1].distance if place + 1 < len(hits) else hits.beyond
    if following is None:
        return "last of the list"
    return f"gap to the next {texts.count(following - hits[place].distance, 'bit')}"


def tie(hits: Hits, distance: int) -> str:
    """How many of the cases shown share a distance."""
    shown = sum(hit.distance == distance for hit in hits.hits)
    if not shown:  # a case that is none of the matches
        return f"Another case differs in {distance} bits too. The order of the two means nothing."
    further = ", as does at least one case after the list" if hits.beyond == distance else ""
    return (
        f"{shown} of the {len(hits)} cases listed differ{'s' if shown == 1 else ''} in "
        f"{distance} bits{further}. The order among them means nothing."
    )


def cut(hits: Hits) -> str:
    """Whether the end of the list separates cases of different distance."""
    if hits.beyond is None:
        return "No further case fits."
    last = hits[len(hits) - 1].distance
    if hits.beyond == last:
        return f"The next case has the same distance ({last} bits): the list ends within a tie."
    return f"The next case differs in {hits.beyond} bits."
