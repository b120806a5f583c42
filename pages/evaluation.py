"""Evaluation: precision curves and tables under named protocols."""

import streamlit as st

from pages.common import (
    appendix,
    at_k,
    charts,
    choices,
    exports,
    figures,
    robustness,
    shelf,
    sureness,
    words,
)

reports = figures.reports()
if not reports:
    st.info("No evaluation is stored; run the evaluate command of the Archive page.")
else:
    names = list(dict.fromkeys(report.archive for report in reports))
    chosen = choices.chosen_name()
    name = chosen if chosen in names else names[0]
    if chosen and chosen not in names:
        st.info(words.plain(f"{chosen} has not been measured; these are other archives."))
    if len(names) > 1:
        name = st.segmented_control(
            "Archive measured",
            names,
            format_func=words.archive_title,
            default=name,
            required=True,
            key="measured",
            bind="query-params",
        )
    offered = {report.protocol: report for report in reports if report.archive == name}
    titles = {protocol.name: protocol for protocol in words.PROTOCOLS}
    protocol = st.segmented_control(
        "Protocol",
        list(offered),
        format_func=lambda name: titles[name].title,
        default=next(iter(offered)),
        required=True,
        key="protocol",
        bind="query-params",
    )
    report = offered[protocol]
    printed = figures.printed(name)
    about = report.about

    st.markdown(titles[protocol].meaning)
    with st.grid(4, min_column_width=150):
        for k in (5, 10, 50):
            value, low, high = report.figure("precision", k)
            st.metric(
                f"Precision at {k}",
                words.percent(value),
                delta=f"{words.percent(low)} to {words.percent(high)}",
                delta_color="off",
                delta_arrow="off",
            )
        st.metric("Random order", words.percent(report.chance()))
    changed = figures.audit(report) if protocol == words.PROTOCOLS[0].name else None
    charts.precision(report, printed)
    exports.control(report, changed)
    if printed:
        st.caption(words.printed_note(printed["queries"], protocol))

    st.subheader("Figures by number of matches", anchor=False)
    at_k.table(report)
    st.caption(
        "In brackets the 95 % interval, resampled by patient. Ties count with their expected "
        "value. Recall is the share of all cases with the query's label. AP divides by the "
        "matches found, as the paper does, and so flatters: read precision first."
    )
    if "trust" in about:
        st.subheader("Do stated chances come true", anchor=False)
        sureness.section(about["trust"])
    if "similarity" in about:
        st.subheader("Near means alike, not only the same label", anchor=False)
        robustness.similarity(about["similarity"])
    if changed:
        st.subheader("The same scans with letters, borders and contrast changed", anchor=False)
        robustness.changes(changed)
    appendix.show(report)
    st.caption(
        words.plain(
            f"{words.count(about['queries'], 'query', 'queries')} against "
            f"{words.count(about['archive']['count'], 'case')}, codes of {about['bits']} bits, "
            f"mean average precision {words.interval(report.map)}, {words.measured_on(about)}."
        )
    )
    archive = shelf.offered()[0].get(name)
    other = archive is not None and archive.about["model"]["id"] != about["model"]["id"]
    if other and about["model"]["id"]:
        st.warning("These figures were measured with another model than the archive's now.")
