"""Fixtures shared by the tests: one small folder, model and archive a session."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from retrieval.archives.indexing import index
from retrieval.data.folder import read_folder
from tests import small
from tests.browsing import browser, page  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """24 small pictures of 12 patients, with labels and splits."""
    return read_folder(small.write_folder(tmp_path_factory.mktemp("pictures") / "folder"))


@pytest.fixture(scope="session")
def model(tmp_path_factory, folder):
    """A full model of the small encoder, untrained, with 32 bits."""
    return small.build_model(tmp_path_factory.mktemp("models") / "small", folder)


@pytest.fixture(scope="session")
def archive(tmp_path_factory, folder, model):
    """An archive of all pictures of `folder`; never changed by a test."""
    return index(folder, model, tmp_path_factory.mktemp("archives") / "all")
