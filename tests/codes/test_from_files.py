"""Folders of pictures, decoded and encoded in turn."""

import pytest

from retrieval.codes import from_files
from retrieval.errors import UnreadableScan, UnsupportedScan
from retrieval.reading import decode
from tests import small


def test_all_files_that_are_refused_are_named_at_once(tmp_path, model):
    folder = small.write_folder(tmp_path / "folder", patients=4)
    paths = sorted((tmp_path / "folder").rglob("*.png"))
    assert folder and len(paths) > 3
    paths[1].write_text("a text")
    last = paths[-1].parent / "deep" / "z.png"
    last.parent.mkdir()
    last.write_bytes(b"")
    files = [*paths, last]
    with pytest.raises((UnreadableScan, UnsupportedScan)) as caught:
        from_files.encode_all(files, model, decode.read)
    text = str(caught.value)
    assert text.startswith(f"{paths[1]}: ") and text.endswith(f"Refused as well: {last}.")
    last.unlink()
    with pytest.raises((UnreadableScan, UnsupportedScan)) as caught:
        from_files.read_pixels(paths, decode.read)
    assert str(caught.value).startswith(f"{paths[1].name}: ")
    assert "as well" not in str(caught.value)


def test_a_long_list_of_refused_files_is_cut():
    names = [f"{number}.png" for number in range(14)]
    assert from_files._as_well(names).endswith("8.png, 9.png and 4 more.")
    assert from_files._as_well([]) == ""
