"""What a visitor takes from an evaluation: figures, tables, and one report of it all."""

from __future__ import annotations

import io
import json
import zipfile
from functools import partial

import streamlit as st

from pages.common.measured.figures import Json, Report
from pages.common.shell import texts
from retrieval.evaluation import results

MIMES = {"svg": "image/svg+xml", "png": "image/png"}


def control(report: Report, changed: Json | None, shorter: Json | None) -> None:
    """Downloads of this evaluation; each is made when it is asked for."""
    name = f"{report.archive}-{report.protocol}"
    title = f"{texts.archive_title(report.archive)}: {report.protocol}"
    with st.popover("Download", icon=":material/download:"):
        _button("Report (PDF, A4)", f"{name}.pdf", "application/pdf",
                partial(_report, title, report.about, changed, shorter, "A4"))  # fmt: skip
        _button("Report (PDF, Letter)", f"{name}-letter.pdf", "application/pdf",
                partial(_report, title, report.about, changed, shorter, "Letter"))  # fmt: skip
        _button("Curves and the table by k (ZIP: SVG, PNG, CSV, LaTeX)", f"{name}.zip",
                "application/zip", partial(_everything, report.about))  # fmt: skip
        _button("The result as evaluate --json writes it", f"{name}.json", "application/json",
                partial(_json, report.about))  # fmt: skip
    with st.expander("Single figures and tables"):
        for key in results.drawable(report.about):
            text = results.DRAWN[key]
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(text, width=300)
                for kind, mime in MIMES.items():
                    _button(kind.upper(), f"{name}-{key}.{kind}", mime,
                            partial(_figure, report.about, key, kind))  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("All figures by k, 1 to 100", width=300)
            for kind, mime in (("CSV", "text/csv"), ("LaTeX", "text/plain")):
                ending = {"CSV": "csv", "LaTeX": "tex"}[kind]
                _button(kind, f"{name}.{ending}", mime, partial(_table, report.about, kind))
        st.caption("Pictures have 300 dots an inch, white ground, and read without colour.")


def single(name: str, drawing: str, found: Json) -> None:
    """The file of one more figure: a function of `curves` and what it draws."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for kind, mime in MIMES.items():
            _button(f"Figure, {kind.upper()}", f"{name}.{kind}", mime,
                    partial(_drawn, drawing, found, kind))  # fmt: skip


def _button(label: str, file: str, mime: str, made: partial[bytes]) -> None:
    st.download_button(
        label,
        data=made,
        file_name=file,
        mime=mime,
        key=f"take-{file}",
        icon=":material/download:",
        on_click="ignore",
    )


def _report(
    title: str, about: Json, changed: Json | None, shorter: Json | None, size: str
) -> bytes:
    from retrieval.reports import booklet  # matplotlib loads only for this

    return booklet.report(title, about, changed=changed, shorter=shorter, size=size)


def _everything(about: Json) -> bytes:
    from retrieval.reports import curves

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for file, data in curves.files_of(about).items():
            packed.writestr(zipfile.ZipInfo(file), data)  # no time of making: the same bytes
    return out.getvalue()


def _json(about: Json) -> bytes:
    return json.dumps(about, indent=1).encode("utf-8")


def _figure(about: Json, key: str, kind: str) -> bytes:
    from retrieval.reports import curves, printing

    return printing.as_bytes(curves.DRAWINGS[key](about), kind)


def _drawn(drawing: str, found: Json, kind: str) -> bytes:
    from retrieval.reports import curves, printing

    return printing.as_bytes(getattr(curves, drawing)(found), kind)


def _table(about: Json, kind: str) -> bytes:
    from retrieval.reports import curves

    made = curves.as_csv if kind == "CSV" else curves.as_latex
    return made(curves.head_of(about), curves.rows_of(about))
