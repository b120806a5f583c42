"""Packs: what went in comes out, the same on any day, and damage has a name."""

import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retrieval.errors import ArchiveError
from retrieval.reading import packs
from retrieval.reading.packs import Pack, Part

PARTS = {f"{number:02}.png": bytes([number]) * (100 + number) for number in range(40)}


@pytest.fixture
def path(tmp_path):
    packs.write(tmp_path / "pack.zip", PARTS.items())
    return tmp_path / "pack.zip"


def test_parts_come_out_as_they_went_in_by_many_at_once(path):
    pack = Pack(path)
    assert pack.names == PARTS.keys()
    names = [*PARTS] * 5
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: Part(pack, name).read_bytes(), names))
    assert found == [PARTS[name] for name in names]
    assert str(Part(pack, "07.png")) == str(path / "07.png")


def test_the_same_parts_make_the_same_pack(path, tmp_path):
    packs.write(tmp_path / "again.zip", PARTS.items())
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()
    assert path.stat().st_size < sum(map(len, PARTS.values())) + 200 * len(PARTS)


def test_what_is_not_there_is_a_named_error(path):
    pack = Pack(path)
    for name in ("nowhere.png", "../pack.zip", "", "/etc/passwd", "00.PNG"):
        with pytest.raises(ArchiveError, match=r"pack\.zip is damaged"):
            pack.read(name)


def test_a_part_that_would_have_to_be_inflated_is_no_part(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("large.png", bytes(10_000_000))
    pack = Pack(tmp_path / "bomb.zip")
    assert not pack.names
    with pytest.raises(ArchiveError, match="is damaged"):
        pack.read("large.png")


def test_damage_anywhere_gives_the_part_or_a_named_error(path):
    whole, random = path.read_bytes(), np.random.default_rng(0)
    wrong = 0
    for place in random.choice(len(whole), 400, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            pack = Pack(path)
            for name in pack.names & PARTS.keys():
                assert pack.read(name) == PARTS[name]
        except ArchiveError as error:
            wrong += 1
            assert str(error).endswith("make or download the archive again.")
    assert wrong > 100
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ArchiveError, match="is damaged"):
            Pack(path)
