"""What a visitor takes away: one page, its picture, the table, and the address of a search."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import zip_longest
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from pages.common.ask import steering, upload
from pages.common.matches import cards, sentences
from pages.common.shell import engine, pictures, resources, texts
from pages.common.shell.context import Context
from retrieval.archives.archive import Archive
from retrieval.imaging.regions import Region
from retrieval.search.hits import Hit, Hits
from retrieval.search.refining import Examples

DRAWN = 10  # pictures of cases on the page
NOTES, LONGEST_NOTE = 3, 70  # of cases, in words on the page; the table has them whole
KINDS = {
    "PDF, A4": ("pdf", "A4", "application/pdf"),
    "PDF, Letter": ("pdf", "Letter", "application/pdf"),
    "Picture (PNG)": ("png", "A4", "image/png"),
    "Table (CSV)": ("csv", "A4", "text/csv"),
}


def control(chosen: upload.ChosenScan, context: Context, query: engine.Query) -> None:
    """The downloads of this ranking, and its address where it has one."""
    if not len(context.hits):
        return
    shown = st.popover("Download", icon=":material/download:", on_change="rerun")
    if not shown.open:
        return
    content = _content(chosen, context, query)
    with shown:
        for title, (kind, size, mime) in KINDS.items():
            st.download_button(
                title,
                data=partial(_file, content, kind, size),
                file_name=f"similar-cases.{kind}",
                mime=mime,
                key=f"take-{kind}-{size}",
                icon=":material/download:",
                on_click="ignore",
                width="stretch",
            )
        st.caption(
            "One page with your scan and the nearest cases. Burned-in text in a picture stays in "
            "it: look before you pass it on."
        )
        if steering.CASE in st.query_params:
            reopened = "this search" if _is_plain(context, query) else "this case, asked as it is"
            st.caption(f"This address reopens {reopened}:")
            st.code(_address(), language=None, wrap_lines=True)
        elif chosen.case:
            st.caption("The case is of another archive, where its address is.")
        else:
            st.caption("This scan has no address: it is nowhere but in this visit.")


def _is_plain(context: Context, query: engine.Query) -> bool:
    """Whether nothing that an address does not hold has formed the list."""
    whole = context.fitting == len(context.archive) and query.frames == 1
    return whole and query.region is None and not len(query.examples)


def _address() -> str:
    """The page's address with what it is asked; the browser reports its address without that."""
    page = (st.context.url or "").partition("?")[0]
    return f"{page}?{urlencode(st.query_params.to_dict())}"


@dataclass(frozen=True, eq=False)
class Content:
    """What a file is made of. It is made outside the page's run, where no session is known."""

    context: Context
    scan: npt.NDArray[np.uint8] | None
    region: Region | None
    pictures: tuple[bytes | None, ...]
    examples: tuple[str, ...]
    searched: str
    today: date


def _content(chosen: upload.ChosenScan, context: Context, query: engine.Query) -> Content:
    archive, model = context.archive, resources.model_of(context.archive)
    own = None
    if not chosen.stored:
        own = engine.scan(chosen.data, chosen.digest, upload.frame(chosen)).preview(768)
    return Content(
        context=context,
        scan=own,
        region=query.region,
        pictures=tuple(pictures.picture(archive, hit.entry) for hit in context.hits.hits[:DRAWN]),
        examples=_examples(archive, query.examples),
        searched=(
            f"Archive {archive.name} ({archive.id}), model {model.name} ({model.id}), "
            f"{archive.bits} bits."
        ),
        today=date.today(),
    )


def _examples(archive: Archive, examples: Examples) -> tuple[str, ...]:
    """Which cases moved the list, so that it can be made again."""
    sides = (("Moved towards", examples.more), ("Moved away from", examples.less))
    return tuple(
        f"{said} {', '.join(entry.id for entry in archive.catalogue.entries(list(rows)))}."
        for said, rows in sides
        if rows
    )


def _file(content: Content, kind: str, size: str) -> bytes:
    """A file, made when it is asked for, in memory."""
    from retrieval.reports.sheet import Line, Sheet  # matplotlib loads only for this

    context, hits = content.context, content.context.hits
    lines = [
        Line(
            rank=hit.rank,
            id=hit.entry.id,
            finding=texts.finding(hit.entry),
            patient=texts.patient_group(hit.entry.patient_id),
            distance=hit.distance,
            bits=hit.bits,
            chance=cards.chance_of(hit, context.answer),
            picture=_greys(png),
            notes="; ".join(_marks(hit, hits)),
        )
        for hit, png in zip_longest(hits.hits, content.pictures)
    ]
    summary = sentences.summary(hits, len(context.archive), context.fitting)
    sheet = Sheet(
        lines=lines,
        query=content.scan,
        region=content.region,
        searched=content.searched,
        notes=[texts.on_paper(summary), *_notes(context), *_notes_of_cases(hits.hits)],
        examples=content.examples,
        date=f"{content.today:%d %B %Y}".lstrip("0"),
    )
    return sheet.file(kind, size)


def _greys(png: bytes | None) -> npt.NDArray[np.uint8] | None:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")) if png else None


def _marks(hit: Hit, hits: Hits) -> list[str]:
    """What a card says of a case beside its numbers."""
    return [*(["tied"] if cards.tied(hit, hits) else []), *_said_of(hit)]


def _said_of(hit: Hit) -> list[str]:
    """Of these, what paper says too."""
    identical = ["identical picture"] if hit.identical else []
    return identical + ([texts.note(hit.entry.note)] if hit.entry.note else [])


def _notes_of_cases(hits: Sequence[Hit]) -> list[str]:
    """What must not be missed of the cases drawn: notes in words, and where no case is a person."""
    by_note: dict[str, list[str]] = {}
    for hit in hits[:DRAWN]:
        for note in _said_of(hit):
            by_note.setdefault(note, []).append(str(hit.rank))
    said = [
        f"{'Match' if len(ranks) == 1 else 'Matches'} {', '.join(ranks)}: "
        f"{texts.shortened(note, LONGEST_NOTE)}"
        for note, ranks in by_note.items()
    ]
    if len(said) > NOTES:
        said[NOTES:] = [f"{texts.count(len(said) - NOTES, 'more note')}: see the table (CSV)"]
    drawn = all(hit.entry.source == pictures.SYNTHETIC for hit in hits)
    return [*said, *([texts.ALL_SYNTHETIC] if drawn else [])]


def _notes(context: Context) -> list[str]:
    """Sentences on how far to trust the page."""
    filtered = [texts.FILTERED] if context.fitting < len(context.archive) else []
    if context.withheld:
        return [*filtered, texts.withheld(context.withheld)]
    if any(cards.chance_of(hit, context.answer) is not None for hit in context.hits.hits):
        fitted = "The chance of the same finding was fitted on scans that the model never saw."
        return [*filtered, fitted]
    return [*filtered, "No chance of the same finding is given for this scan."]
