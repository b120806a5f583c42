"""Evaluation: precision curves and tables under named protocols."""

import streamlit as st

from pages.common.measured import figures, measured, measuring
from pages.common.shell import archives, choices, state, texts

measuring.collect()
known, offered = figures.known(), archives.offered()[0]
names = list(dict.fromkeys([*(report.archive for report in known), *offered]))
if not names:
    st.info(texts.NO_ARCHIVE)
else:
    chosen = choices.chosen_name()
    name = chosen if chosen in names else names[0]
    if len(names) > 1:
        name = st.segmented_control(
            "Archive measured",
            names,
            format_func=lambda name: texts.plain(texts.archive_title(name), 60),
            default=name,
            required=True,
            wrap=True,
            key="measured",
            bind="query-params",
        )
    measuring.note()
    of_this = {report.protocol: report for report in known if report.archive == name}
    if fresh := measuring.fresh(name):
        state.PROTOCOL.set(fresh)
    if state.PROTOCOL.get() not in of_this:
        state.PROTOCOL.clear()
    if not of_this:
        st.info("This archive has not been measured yet.")
    else:
        titles = {protocol.name: protocol for protocol in texts.PROTOCOLS}
        protocol = st.segmented_control(
            "Protocol",
            list(of_this),
            format_func=lambda name: titles[name].title,
            default=None if state.PROTOCOL.is_set else next(iter(of_this)),
            required=True,
            wrap=True,
            key=state.PROTOCOL.name,
            bind="query-params",
        )
        st.markdown(titles[protocol].meaning)
        measured.show(of_this[protocol])
    if name in offered:
        measuring.section(name, offered[name])
