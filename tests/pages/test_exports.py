"""What the evaluation page gives away, and its sections for reviewers."""

import io
import json
import zipfile

import pytest

from pages.common.measured import exports, sections
from pages.common.shell import texts
from retrieval.archives import archive as archives
from retrieval.evaluation import protocols, results
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.studies import leaks, prevalence
from retrieval.reports import curves
from tests.pages.visiting import at_page, control


@pytest.fixture(scope="module")
def about():
    return results.read_result("covid-ct-official")


def test_the_files_are_those_of_the_result(about):
    packed = zipfile.ZipFile(io.BytesIO(exports._everything(about)))
    assert {name.rsplit(".", 1)[1] for name in packed.namelist()} == {"svg", "png", "csv", "tex"}
    assert json.loads(exports._json(about)) == about
    assert exports._report("T", about, None, None, "A4").startswith(b"%PDF")
    assert list(results.DRAWN) == list(curves.DRAWINGS)
    for key in results.DRAWN:
        assert b"<svg" in exports._figure(about, key, "svg")
    assert exports._table(about, "CSV").count(b"\r\n") == 101
    assert exports._table(about, "LaTeX").count(rb"\\") == 101


def shown(app, section):
    """The rows of the section's table."""
    app = control(app, "section").select(section).run()
    assert not app.exception
    return app.table[-1].value.to_dict("records")


def opened(name):
    app = at_page(texts.EVALUATION.file)
    return control(app, "measured").select(name).run()


def test_prevalence_on_the_page_is_that_of_the_core():
    rows = shown(opened("covid-ct"), sections.RARER)
    archive = archives.open_archive("covid-ct")
    model = archive.model()
    cases = cases_of_archive(archive, model)
    queries = cases.take(cases.splits == "test")
    gallery = protocols.gallery_for(archive, model, queries, "official")
    wanted = prevalence.measure(gallery, queries).json()
    measured = results.read_result("covid-ct-official")["at_k"]["10"]["precision"]["value"]
    assert wanted["as it is"]["value"] == pytest.approx(measured)
    for row, figure in zip(rows, wanted.values(), strict=True):
        assert row["Precision at 10"].startswith(f"{100 * figure['value']:.1f} %")


def test_code_lengths_and_the_papers_tables_are_the_stored_ones():
    app = opened("covid-ct-paper")
    rows = shown(app, sections.SHORTER)
    stored = results.read_result("lengths/covid-ct-paper-test")["lengths"]
    assert [row["Bits"] for row in rows] == list(stored)
    value = stored["64"]["MID"]["bits"]["at_k"]["10"]["precision"]["value"]
    assert rows[3]["mRMR (MID)"].startswith(f"{100 * value:.1f} %")
    rows = shown(app, sections.PAPERS)
    printed = results.read_result("printed/covid-ct-paper")["at_k"]
    assert [row["k"] for row in rows] == list(printed)
    assert rows[0]["P, printed"] == f"{100 * printed['5']['printed']['precision']:.1f} %"


def test_leaks_on_the_page():
    app = opened("covid-ct")
    rows = shown(app, sections.LEAKS)
    archive = archives.open_archive("covid-ct")
    found = leaks.find(archive, archive.model()).json()
    assert [row["Found"] for row in rows] == [str(found[key]) for key in sections.LOOKED_FOR]


def test_queries_by_source_are_the_stored_ones():
    rows = shown(opened("covid-ct"), sections.BY_SOURCE)
    stored = results.read_result("sources/covid-ct")["groups"]
    assert [row["Source, as the data set names it"] for row in rows] == [
        one["source"] for one in stored
    ]
    for row, one in zip(rows, stored, strict=True):
        assert row["Precision at 10"].startswith(f"{100 * one['precision_at_10']['value']:.1f} %")
        points = f"{100 * one['difference']['value']:+.1f}" if "difference" in one else ""
        assert row["Difference, points"].split(" ")[0] == points


def test_sources_are_shown_where_they_were_measured():
    app = opened("covid-ct")
    assert sections.BY_SOURCE in control(app, "section").options
    app = control(app, "protocol").select("paper").run()
    assert sections.BY_SOURCE not in control(app, "section").options
    assert sections.BY_SOURCE not in control(opened("covid-ct-paper"), "section").options
