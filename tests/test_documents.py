"""The documents fit together: links lead somewhere, and the first page stays short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "pages/README.md",
    "retrieval/README.md",
    "retrieval/cli/README.md",
    "assets/results/README.md",
    "assets/results/TRIED.md",
)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
MOST_BYTES = 12_000  # of the first page


def anchors(path):
    """The names by which a link reaches the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings_that_exist(document):
    path = ROOT / document
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert links
    for link in links:
        if link.startswith("https://"):
            continue
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_file(), link
        assert not heading or heading in anchors(target), link


def test_the_first_page_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= MOST_BYTES
