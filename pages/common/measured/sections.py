"""What a reviewer asks beyond the curve, one section at a time."""

from __future__ import annotations

import streamlit as st

from pages.common.measured import (
    at_k,
    calibration_charts,
    charts,
    exports,
    figures,
    measuring,
    papers_tables,
    robustness,
)
from pages.common.measured.figures import Json, Report
from pages.common.shell import archives, resources, tables, texts
from retrieval.archives.archive import Archive
from retrieval.evaluation import protocols, results
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.studies import leaks, prevalence

BY_LABEL, RECALL, CHANCES, ALIKE, CHANGED, BY_SOURCE = (
    "By label",
    "Precision and recall",
    "Stated chances",
    "Alike, not only the same label",
    "Changed scans",
    "By source",
)
RARER, LEAKS, BESIDE, SHORTER, PAPERS = (
    "If the finding were rarer",
    "Leaks looked for",
    "Beside another archive",
    "Shorter codes, with and without mRMR",
    "The paper's tables beside ours",
)

LOOKED_FOR = {
    "patients_in_two_splits": "Patients in more than one split",
    "pictures_twice": "Pictures that stand twice, pixel by pixel",
    "trained_test_cases": "Test cases that the model was trained on",
    "near_copies_across": "Test cases with nearly the code of a case of another split and patient",
    "those_of_another_label": "Of these, with another label",
    "noted_cases": "Cases with a note, such as a conflict of labels",
}


def show(report: Report, changed: Json | None) -> None:
    """The sections that there are figures for, one at a time."""
    archive = archives.offered()[0].get(report.archive)
    shorter = shorter_codes(report)
    printed = _stored(results.within(results.PRINTED), report)
    by_source = _stored(results.within(results.SOURCES), report)
    same = archive is not None and archive.id == report.about["archive"]["id"]
    tested = same and "test" in _splits(archive)
    offered = [
        title
        for title, there in (
            (BY_LABEL, True),
            (RECALL, bool(report.within([1]))),
            (CHANCES, "trust" in report.about),
            (ALIKE, "similarity" in report.about),
            (CHANGED, changed is not None),
            (BY_SOURCE, by_source is not None and report.protocol == texts.PROTOCOLS[0].name),
            (RARER, tested and report.protocol == texts.PROTOCOLS[0].name),
            (LEAKS, tested),
            (BESIDE, tested and bool(_comparable(report.archive))),
            (SHORTER, shorter is not None),
            (PAPERS, printed is not None),
        )
        if there
    ]
    st.subheader("More of this evaluation", anchor=False)
    chosen = st.segmented_control(
        "Section",
        offered,
        default=BY_LABEL,
        required=True,
        wrap=True,
        key="section",
        label_visibility="collapsed",
    )
    if chosen == BY_LABEL:
        at_k.groups(report)
    elif chosen == RECALL:
        charts.precision_recall(report)
    elif chosen == CHANCES:
        calibration_charts.section(report.about["trust"], f"{report.archive}-{report.protocol}")
    elif chosen == ALIKE:
        robustness.similarity(report.about["similarity"], report.archive)
    elif chosen == CHANGED and changed is not None:
        robustness.changes(changed, report.archive)
    elif chosen == BY_SOURCE and by_source is not None:
        robustness.sources(by_source, report.archive)
    elif chosen == RARER and archive is not None:
        _rarer(archive)
    elif chosen == LEAKS and archive is not None:
        _leaks(archive)
    elif chosen == BESIDE and archive is not None:
        _beside(archive, report.archive)
    elif chosen == SHORTER and shorter is not None:
        _shorter(shorter, report.archive)
    elif chosen == PAPERS and printed is not None:
        papers_tables.show(printed, report.archive)


def shorter_codes(report: Report) -> Json | None:
    """The stored comparison of code lengths on the report's archive."""
    return _stored(results.within(results.LENGTHS), report)


def _stored(names: list[str], report: Report) -> Json | None:
    """The stored result of this archive among these."""
    for name in names:
        found = figures.stored(name)
        if found["archive"]["id"] == report.about["archive"]["id"]:
            return found
    return None


def _rarer(archive: Archive) -> None:
    found = _prevalence(archive.state, archive)
    rows = [
        {
            "Share of the archive with the query's finding": "as it is"
            if name == "as it is"
            else f"{100 * float(name):g} %",
            "Precision at 10": texts.share_of(figure),
        }
        for name, figure in found.items()
    ]
    tables.show(rows, f"{archive.name}-prevalence", "Precision at other prevalences")
    st.caption(
        "The same test queries and distances, with the archive's cases weighed as if so many had "
        "the finding. Where it is rare, even a good ranking shows mostly other cases."
    )


@st.cache_data(max_entries=16, show_spinner="Weighing the archive")
def _prevalence(state: str, _archive: Archive) -> Json:
    model = resources.model_of(_archive)
    cases = cases_of_archive(_archive, model)
    queries = cases.take(cases.splits == "test")
    gallery = protocols.gallery_for(_archive, model, queries, "official")
    return prevalence.measure(gallery, queries).json()


def _leaks(archive: Archive) -> None:
    found = _found_leaks(archive.state, archive)
    tables.show(
        [{"Looked for": text, "Found": str(found[key])} for key, text in LOOKED_FOR.items()],
        f"{archive.name}-leaks",
        "Leaks looked for and found",
    )
    st.caption(
        f"Among {texts.count(found['test_cases'], 'test case')}. Nearly the same code is not "
        "always a copy: look at such pairs. A query is never compared with its own picture or "
        "patient, but in the paper's own protocol."
    )


@st.cache_data(max_entries=16, show_spinner="Looking for leaks")
def _found_leaks(state: str, _archive: Archive) -> Json:
    return leaks.find(_archive, resources.model_of(_archive)).json()


def _comparable(name: str) -> list[str]:
    """Archives of the same pictures, by other models."""
    offered, _ = archives.offered()
    own = offered.get(name)
    if own is None:
        return []
    return [
        other
        for other, archive in offered.items()
        if other != name and archive.dataset == own.dataset and "test" in _splits(archive)
    ]


def _splits(archive: Archive) -> set[str]:
    return set(archive.catalogue.column("split").tolist())


def _beside(archive: Archive, name: str) -> None:
    others = _comparable(name)
    chosen = st.selectbox(
        "Compared with", others, format_func=texts.archive_title, key=f"beside-{name}"
    )
    other = archives.offered()[0][chosen]
    found = measuring.compared(archive, other)
    if found is None:
        measuring.comparison(name, archive, chosen, other)
        return
    rows = [
        {
            "Matches shown, k": k,
            texts.archive_title(name): texts.percent(one["first"]),
            texts.archive_title(chosen): texts.percent(one["second"]),
            "Difference (points)": texts.points_of(one["difference"]),
        }
        for k, one in found["at_k"].items()
    ]
    tables.show(rows, f"{name}-beside-{chosen}", "Two archives side by side")
    st.caption(
        f"Precision of the same {found['queries']} test queries. The difference is taken query by "
        "query, its 95 % interval over patients: where it holds 0, neither is the better one."
    )


def _shorter(found: Json, name: str) -> None:
    rows = [
        {
            "Bits": length,
            "mRMR (MID)": texts.share_of(_at_10(one["MID"]["bits"])),
            "Variance": texts.share_of(_at_10(one["variance"]["bits"])),
            "Random": texts.share_of(_at_10(one["random"]["bits"])),
            "mRMR minus random (points)": texts.points_of(_at_10(one["MID"]["minus_random"])),
            "Same columns, real-valued": texts.share_of(_at_10(one["MID"]["floats"]["cosine"])),
        }
        for length, one in found["lengths"].items()
    ]
    tables.show(rows, f"{name}-code-lengths", "Precision at 10 by code length")
    exports.single(f"{name}-code-lengths", "code_lengths", found)
    st.caption(
        f"Precision at 10 of {texts.count(found['queries'], 'query', 'queries')}, bits chosen on "
        f"{found['fitted_on']} training pictures out of {found['features']} features; random is "
        f"the mean of {found['draws']} draws. A random order gives "
        f"{texts.percent(found['chance'])}."
    )


def _at_10(found: Json) -> Json:
    return found["at_k"]["10"]["precision"]
