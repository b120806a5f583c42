"""Texts that stand in more than one place, plain words for labels, and safe text from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from retrieval.archives.catalogue import Entry
from retrieval.data.folder import names_patient
from retrieval.reading.series import AS_GIVEN, Series

PRODUCT = "Lung image retrieval"
NOT_FOR_DIAGNOSIS = "Research and teaching; not for diagnosis."
UNEXPECTED = "Something went wrong on this page; reload it, or try another scan."
NO_PICTURE = "Picture not on this machine"
GET_PICTURES = "Get the pictures"
NOT_MEASURED = "How far this ranking can be trusted has not been measured for this archive."
NOVEL = (
    "Nothing here is similar: the ten nearest cases lie farther off than for 99 of 100 scans this "
    "was tried with. The list below means little."
)
UNSURE = (
    "Too close to call: with every case weighed by its distance, the findings lie closer together "
    "than for four of five scans this was tried with. No chance is shown."
)
STALE = "The archive has changed since chances were fitted to it, so none is shown."
FILTERED = "The list is filtered; how far such lists can be trusted was measured without filters."
ALL_SYNTHETIC = "All these cases are drawn by a program; they show no person."
OTHER_FINDING = "Nearest case with another finding"
NEAREST_DISAGREES = "The nearest case has another finding"
OTHER_FINDING_HELP = (
    "Another than the commonest one of the matches (identical pictures are not counted, and if "
    "findings share the lead, the one that stands first counts), whatever the filter. Look at it "
    "before you believe the list."
)
CONFLICT = "The same picture stands in its data set under another finding, too"
NOT_THE_SAME = "Similar is not the same diagnosis."
TOO_MANY_FILES = "These files are larger than 1 GB together; choose fewer slices."
NO_ARCHIVE = "There is no archive to search; index one with the commands of the Archive page."


class PageTexts(NamedTuple):
    """How one page presents itself; `path` is its address, empty for the first page."""

    file: str
    path: str
    menu: str
    icon: str
    heading: str
    lead: str


SEARCH = PageTexts(
    "search.py",
    "",
    "Search",
    ":material/image_search:",
    "Find similar chest scans",
    "Give a CT slice or a chest X-ray and see the most similar archived cases, nearest first.",
)
TEACH = PageTexts(
    "teach.py",
    "teach",
    "Teach",
    ":material/school:",
    "Look, commit, compare",
    "Unknown cases and look-alikes from an archive: commit first, then see what is similar.",
)
BROWSE = PageTexts(
    "browse.py",
    "browse",
    "Browse",
    ":material/scatter_plot:",
    "The archive as a map",
    "Cases of nearby codes stand close together. Choose one to see it and its neighbours.",
)
EVALUATION = PageTexts(
    "evaluation.py",
    "evaluation",
    "Evaluation",
    ":material/monitoring:",
    "How well it works",
    "Share of matches with the query's own label, measured with known cases.",
)
ARCHIVE = PageTexts(
    "archive.py",
    "archive",
    "Archive",
    ":material/folder_open:",
    "What is searched",
    "The cases of each archive, where their pictures come from, and how to add your own.",
)
METHOD = PageTexts(
    "method.py",
    "method",
    "Method",
    ":material/schema:",
    "How it works",
    "From a scan to a short code, and from codes to a ranked list.",
)
PAGES = (SEARCH, TEACH, BROWSE, EVALUATION, ARCHIVE, METHOD)

ARCHIVES = {
    "sample-ct": "Synthetic CT sample",
    "sample-xray": "Synthetic X-ray sample",
    "covid-ct": "COVID-CT",
    "covid-ct-paper": "COVID-CT, paper's network",
    "covid-ct-frozen": "COVID-CT, untrained features",
    "pneumonia-xray": "Pneumonia X-rays",
    "pneumonia-xray-frozen": "Pneumonia X-rays, untrained features",
    "pneumonia-xray-paper": "Pneumonia X-rays, paper's network",
    "sample-ct-paper": "Synthetic CT sample, paper's network",
    "sample-xray-paper": "Synthetic X-ray sample, paper's network",
}
SCANS = {"CT": "chest CT slice", "X-ray": "chest X-ray"}
LITE = "EfficientNet-Lite0 from ImageNet weights"
A_QUARTER = ": a quarter of the bits trained here, the others not"
NETWORKS = {
    "lite": LITE + A_QUARTER,
    "lite-inner": LITE + ", borders left out" + A_QUARTER,
    "paper": "The paper's 13 layers",
    "small": "The paper's 13 layers on a smaller input",
}
LABELS = {
    "covid": "COVID-19",
    "noncovid": "No COVID-19",
    "clear": "Clear lungs",
    "ground-glass": "Ground-glass opacity",
    "consolidation": "Consolidation",
    "normal": "Normal",
    "pneumonia": "Pneumonia",
    "bacteria": "Bacterial",
    "virus": "Viral",
}
SPLITS = {"train": "Training", "val": "Validation", "test": "Test", "": "Not split"}
FORMAT_OF_DOI = re.compile(r"10\.\d{4,9}/\S+")


class Protocol(NamedTuple):
    """One way to measure: its name in the results, on screen, and what it means."""

    name: str
    title: str
    meaning: str


# The honest one first.
PROTOCOLS = (
    Protocol(
        "official",
        "New patients (official split)",
        "Each query is a test picture of a patient who, as far as patients are known, is neither "
        "among the model's training cases nor among those it is compared with. Only this says what "
        "to expect for new patients, and only for pictures like these.",
    ),
    Protocol(
        "cross-fitted",
        "Cross-fitted (way to train)",
        "Patients are dealt into five groups; each group is asked of a model that was trained anew "
        "on the others. It measures the way to train, with every picture outside the test split.",
    ),
    Protocol(
        "own-patient-out",
        "Own patient left out",
        "Each query is compared with every case but its own picture and patient; the model may "
        "have been trained on it.",
    ),
    Protocol(
        "paper",
        "Paper's own protocol (in-sample)",
        "Each query is itself in the archive, beside other slices of its patient, and the model "
        "may have been trained on it: this flatters, and serves only to compare with the paper.",
    ),
)

INLINE_MARKUP = re.compile(r"([\\`*_\[\]<>$~&|])")
LEADING_MARKUP = re.compile(r"^(\d*)([-+#=.)])")
CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
LINK_STARTS = re.compile(r"(?i)(:|@|\bwww)(?=\S)")
WORD_JOINER = "\u2060"  # invisible


def plain(text: str, limit: int = 300) -> str:
    """Text from outside as markdown that shows it literally: no link, image, HTML or icon.

    A joiner after each colon, at sign and "www" keeps addresses, :icons: and
    :colour[directives] from being recognised in what is left after escaping.
    """
    line = CONTROL.sub(" ", text).strip()
    line = shortened(line, limit)
    line = LINK_STARTS.sub(rf"\1{WORD_JOINER}", line)
    return LEADING_MARKUP.sub(r"\1\\\2", INLINE_MARKUP.sub(r"\\\1", line))


def on_paper(markdown: str) -> str:
    """What `plain` and bold type made, as the bare text it stands for."""
    bare = markdown.replace("**", "").replace(WORD_JOINER, "")
    return re.sub(r"\\(.)", r"\1", bare)


def label(name: str) -> str:
    """A label in plain words; not yet safe as markdown."""
    spaced = name.replace("-", " ").replace("_", " ").strip()
    return LABELS.get(name, spaced[:1].upper() + spaced[1:] or "No label")


def finding(entry: Entry) -> str:
    """A case's label with its subtype where known; not yet safe as markdown."""
    named = label(entry.label)
    known = entry.subtype and entry.subtype != entry.label
    return f"{named} ({label(entry.subtype).lower()})" if known else named


def archive_title(name: str) -> str:
    """An archive's name in plain words; not yet safe as markdown."""
    return ARCHIVES.get(name, name)


def patient_group(patient_id: str) -> str:
    """A patient group in words, also where the patient is unknown."""
    return patient_id if names_patient(patient_id) else "not known"


def doi_link(doi: str) -> str:
    """A markdown link to a DOI; empty for anything that is not one."""
    if not FORMAT_OF_DOI.fullmatch(doi):
        return ""
    return f"[{plain(doi, 60)}](https://doi.org/{quote(doi, safe='/')})"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 case, 746 cases."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def percent(share: float) -> str:
    """A fraction as a percentage with one decimal."""
    return f"{100 * share:.1f} %"


def interval(figure: Sequence[float]) -> str:
    """Value with its 95 % interval, as percentages."""
    value, low, high = (100 * share for share in figure)
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"


def share_of(figure: Mapping[str, float]) -> str:
    """A stored figure (value, low, high) as percentages."""
    return interval((figure["value"], figure["low"], figure["high"]))


def points_of(figure: Mapping[str, float]) -> str:
    """A stored difference (value, low, high) in percentage points, with signs."""
    value, low, high = (100 * figure[end] for end in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def measured_on(about: Mapping[str, Any]) -> str:
    """Which archive and model an evaluation is about."""
    if not about["model"]["id"]:
        return "one model for each group of patients, none of which ships"
    return f"archive {about['archive']['id']}, model {about['model']['id']}"


def printed_note(queries: int, protocol: str) -> str:
    """What the paper's printed points are, and whether a protocol compares with them."""
    points = f"The diamonds are the means the paper prints for {queries} queries of its choice; "
    if protocol == "paper":
        return f"{points}its protocol is not stated, and is likely to be this one."
    return f"{points}they belong to the paper's own protocol and do not compare with this one."


def series(number: int, one: Series) -> str:
    """One series of an upload."""
    return f"{number + 1}: {count(len(one.indices), 'file')}, {one.order}"


def slice_of(one: Series) -> str:
    """Title of the slider through a series."""
    if one.order == AS_GIVEN:
        return f"Picture (of {len(one.indices)}, in no known order)"
    return f"Slice (of {len(one.indices)}, ordered {one.order})"


def strays(number: int) -> str:
    """What is said of files that belong to no series."""
    return f"{count(number, 'file')} without a place in a series: the last entry."


def withheld(reason: str) -> str:
    """What is said where neither a figure nor a chance would hold."""
    return f"{reason}: how often such a list is right is not shown."


def note(text: str) -> str:
    """A case's note as a reader needs it; not yet safe as markdown."""
    shipped = text.startswith("same image as ") and "label conflict" in text  # COVID-CT's
    return CONFLICT if shipped else text


def shortened(text: str, limit: int) -> str:
    """Text of at most `limit` characters; not yet safe as markdown or HTML."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def switched(archive: str, modality: str) -> str:
    """Why another archive is searched than before, as markdown."""
    kind = SCANS.get(modality, "scan")
    return f"Changed to {plain(archive_title(archive), 60)}: the scan is a {kind}."
