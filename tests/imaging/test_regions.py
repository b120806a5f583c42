"""Regions of a query: what is a region, what the encoder sees, and the study of boxed lesions."""

import json

import numpy as np
import pytest
from PIL import Image

from retrieval.__main__ import main
from retrieval.errors import DataError, SearchError
from retrieval.evaluation.studies import region_study
from retrieval.imaging.regions import Region
from retrieval.reading import decode


@pytest.mark.parametrize(
    "numbers",
    [
        (-0.1, 0, 0.5, 0.5), (0, 0, 1.1, 0.5), (0.6, 0, 0.5, 0.5), (0, 0, 0.01, 0.5),
        (float("nan"), 0, 0.5, 0.5), (0, float("inf"), 0.5, 0.5),
    ],
)  # fmt: skip
def test_what_lies_outside_or_has_no_area_is_no_region(numbers):
    with pytest.raises(SearchError):
        Region(*numbers)


def test_a_crop_holds_the_pixels_of_the_region():
    pixels = np.arange(40 * 60, dtype=np.float32).reshape(40, 60)
    found = Region(0.5, 0.25, 0.5, 0.5).crop(pixels)
    np.testing.assert_array_equal(found, pixels[10:30, 30:60])
    np.testing.assert_array_equal(Region(0, 0, 1, 1).crop(pixels), pixels)
    around = Region(0.25, 0.25, 0.5, 0.5).crop(pixels, margin=0.1)
    down, across = (round(0.1 / 0.8 * side / 2) for side in pixels.shape)
    assert around.shape == (pixels.shape[0] // 2 + 2 * down, pixels.shape[1] // 2 + 2 * across)
    inner = around[down : around.shape[0] - down, across : around.shape[1] - across]
    np.testing.assert_array_equal(inner, Region(0.25, 0.25, 0.5, 0.5).crop(pixels))
    np.testing.assert_array_equal(Region(0, 0, 1, 1).crop(pixels, margin=0.1)[0, 0], pixels[0, 0])


def test_a_region_of_few_pixels_is_refused():
    with pytest.raises(SearchError, match="10 x 20 pixels"):
        Region(0, 0, 0.25, 0.5).crop(np.zeros((40, 40), np.float32))


def test_edges_in_any_order_and_beyond_the_picture():
    assert Region.between((0.8, 0.2), (-0.5, 0.5)) == Region(0.2, 0.0, 0.8 - 0.2, 0.5)


def test_text_and_back():
    region = Region(0.125, 0.25, 0.5, 0.375)
    assert Region.parsed(region.key()) == region
    for text in ("", "1,2", "a,b,c,d", "0,0,1,1,1"):
        with pytest.raises(SearchError):
            Region.parsed(text)


def test_search_by_region_is_a_search_of_the_crop(archive, folder, tmp_path, capsys):
    path = folder.path(folder.cases[0])
    cropped = tmp_path / "crop.png"
    with Image.open(path) as picture:
        picture.crop((24, 18, 72, 54)).save(cropped)
    command = ["search", str(archive.folder), "--json"]
    main([*command, str(path), "--region", "0.25,0.25,0.5,0.5"])
    by_region = json.loads(capsys.readouterr().out)
    main([*command, str(cropped)])
    by_file = json.loads(capsys.readouterr().out)
    assert [h["id"] for h in by_region["hits"]] == [h["id"] for h in by_file["hits"]]
    assert not any(hit["identical"] for hit in by_region["hits"])
    assert main([*command, str(path), "--region", "2,2,2,2"]) == 1
    assert "region" in capsys.readouterr().err


def test_the_shipped_boxes_are_regions_of_test_pictures():
    from retrieval.archives.archive import open_archive

    boxes = region_study.read_boxes()
    assert len(boxes) >= 20
    catalogue = open_archive("covid-ct").catalogue
    splits = dict(zip(catalogue.column("id"), catalogue.column("split"), strict=True))
    assert {splits[name] for name in boxes} == {"test"}


def test_a_damaged_table_is_refused(tmp_path):
    table = tmp_path / "boxes.csv"
    for text in ("", "id,x\na,1\n", "id,x,y,width,height\na,0,0,9,9\n"):
        table.write_text(text)
        if text:
            with pytest.raises(DataError):
                region_study.read_boxes(table)
    with pytest.raises(DataError):
        region_study.read_boxes(tmp_path / "none.csv")


def test_the_whole_picture_as_region_changes_nothing(archive, model, folder):
    test = folder.split(["test"])
    names = [decode.read(test.path(case)).sha256[:16] for case in test.cases]
    whole = {name: Region(0, 0, 1, 1) for name in names[:3]}
    found = region_study.measure(archive, model, test, whole, read=decode.read).json()
    assert found["queries"] == 3 and found["difference"]["value"] == 0
    part = {name: Region(0.2, 0.2, 0.4, 0.5) for name in names}
    found = region_study.measure(archive, model, test, part, read=decode.read)
    assert not np.array_equal(found.whole, found.region)
    with pytest.raises(DataError):
        region_study.measure(archive, model, test, {}, read=decode.read)
