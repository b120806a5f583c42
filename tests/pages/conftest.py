"""Each test of the pages is a visit of its own to an app that holds only what ships."""

import csv
import io
import uuid

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.caching import cache_data_api, cache_resource_api

from retrieval.archives import archive as archives
from retrieval.archives.indexing import index
from retrieval.data.folder import read_folder
from tests import small
from tests.pages.visiting import HOSTILE, sample_bytes


@pytest.fixture(autouse=True)
def no_fetched_pictures(monkeypatch, tmp_path):
    """The pages see only what ships, whatever was fetched on this machine."""
    monkeypatch.setenv(archives.DATA_VARIABLE, str(tmp_path / "nothing"))
    monkeypatch.delenv("RETRIEVAL_ARCHIVES", raising=False)


@pytest.fixture(autouse=True)
def visit(monkeypatch):
    """Give each test a session of its own, and the means to start another: visit("name")."""

    def as_visitor(name):
        for cache in (cache_data_api, cache_resource_api):
            monkeypatch.setattr(cache, "get_session_id_or_throw", lambda: name)

    as_visitor(f"visitor {uuid.uuid4()}")
    return as_visitor


@pytest.fixture(scope="session")
def hostile_archive(tmp_path_factory, model):
    """An archive whose labels, patients and sources try to be markup."""
    root = small.write_folder(tmp_path_factory.mktemp("hostile") / "folder", patients=4)
    with (root / "images.csv").open(newline="") as stream:
        rows = [{**row, "label": HOSTILE, "source": HOSTILE} for row in csv.DictReader(stream)]
    with (root / "images.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=[*rows[0], "doi", "note"])
        writer.writeheader()
        writer.writerows(
            {
                **row,
                "patient_id": f"{row['patient_id']}{HOSTILE}",
                "doi": "10.1234/a)[b](c",
                "note": HOSTILE,
            }
            for row in rows
        )
    return index(read_folder(root), model, root.parent / "shelf" / "hostile")


@pytest.fixture
def drawn_scan():
    """A picture that is in no archive."""
    levels = np.array(Image.open(io.BytesIO(sample_bytes())))
    levels[:20, :20] = 9
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()
