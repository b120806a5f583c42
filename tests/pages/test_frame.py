"""The frame of every page, and what may go wrong around it."""

import ast
import logging

import pytest
from streamlit.testing.v1 import AppTest

from pages.common.shell import texts
from retrieval.reading import scan
from tests.pages.visiting import (
    ROOT,
    at_page,
    control,
    ranks,
    sample_bytes,
    uploaded,
    without_pictures,
)

PAGES = {"search.py", "teach.py", "browse.py", "evaluation.py", "archive.py", "method.py"}


@pytest.mark.parametrize("page", texts.PAGES, ids=lambda page: page.file)
def test_each_page_opens_with_its_heading_and_the_warning(page):
    app = at_page(page.file)
    assert not app.exception and not app.error
    assert [title.value for title in app.title] == [page.heading]
    assert sum(texts.NOT_FOR_DIAGNOSIS in caption.value for caption in app.caption) == 2
    searched = any("For searches: archive sample-ct" in caption.value for caption in app.caption)
    assert searched == (page is not texts.EVALUATION)  # there another archive may be measured


def test_pages_are_thin():
    found = {path.name for path in (ROOT / "pages").glob("*.py")}
    assert found == PAGES | {"frame.py"} == {page.file for page in texts.PAGES} | {"frame.py"}
    for path in (ROOT / "pages").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path.name
    for path in (ROOT / "pages").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
        assert "open" not in names and "unsafe_allow_html" not in keywords, path.name


def test_a_link_restores_archive_and_k():
    other = without_pictures()
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
    app.query_params["archive"] = texts.archive_title(other.name)
    app.query_params["k"] = "20"
    app.run()
    assert control(app, "archive").value == other.name and control(app, "k").value == 20


def test_an_unknown_archive_in_the_address_falls_back_to_the_first():
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
    app.query_params["archive"] = ""
    app = uploaded(app.run(), sample_bytes())
    assert ranks(app)


def test_uploads_never_reach_the_disk():
    from starlette.formparsers import MultiPartParser

    import app  # noqa: F401 - sets it

    assert MultiPartParser.spool_max_size > scan.LIMITS.file_bytes


def test_an_unexpected_error_is_logged_without_its_text(monkeypatch, caplog):
    import app

    shown = []
    monkeypatch.setattr(app.st, "error", shown.append)
    with caplog.at_level(logging.ERROR):
        try:
            raise KeyError("Doe^Jane.dcm")
        except KeyError as error:
            assert app.report(error) is True
    assert shown == [texts.UNEXPECTED]
    assert "KeyError" in caplog.text and "Doe" not in caplog.text
