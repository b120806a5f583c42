"""Searching and changing archives, against a sort of bit strings."""

import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from retrieval import storage
from retrieval.archives import archive as archives
from retrieval.archives import indexing
from retrieval.archives.archive import open_archive
from retrieval.codes import model as models
from retrieval.data.folder import read_folder
from retrieval.errors import (
    ArchiveError,
    DataError,
    ModelMismatch,
    SearchError,
    UnreadableScan,
    UnsupportedScan,
)
from retrieval.reading import decode, packs
from retrieval.search.search import search
from tests import small


@pytest.fixture
def own(folder, model, tmp_path):
    """An archive that a test may change."""
    return indexing.index(folder, model, tmp_path / "own")


def code_of(archive, scan):
    model = archive.model()
    return model.codes(model.encode([scan.pixels]))


def hits_of(archive, path, k=10, **options):
    scan = decode.read(path)
    return search(archive, code_of(archive, scan), scan.sha256).hits(k, **options)


def test_ranking_is_distance_then_id(folder, archive, model):
    entries = archive.catalogue.entries()
    strings = ["".join(f"{byte:08b}" for byte in code) for code in np.asarray(archive.codes)]
    for case in folder.cases[::5]:
        scan = decode.read(folder.path(case))
        query = "".join(f"{byte:08b}" for byte in code_of(archive, scan)[0])
        expected = sorted(
            (sum(a != b for a, b in zip(query, text, strict=True)), entry.id)
            for text, entry in zip(strings, entries, strict=True)
        )
        found = hits_of(archive, folder.path(case), 15)
        assert [(hit.distance, hit.entry.id) for hit in found.hits] == expected[:15]
        assert [hit.rank for hit in found.hits] == list(range(1, 16))
        assert found.beyond == expected[15][0]
        every = [distance for distance, _ in expected[:16]]
        assert [hit.tied for hit in found.hits] == [every.count(h.distance) > 1 for h in found.hits]


def test_every_picture_finds_itself(folder, archive):
    for case in folder.cases:
        found = hits_of(archive, folder.path(case), 24)
        same = [hit for hit in found.hits if hit.identical]
        assert [(hit.distance, hit.entry.file) for hit in same] == [(0, case.file)]


def test_a_lossless_copy_is_the_same_picture(folder, archive, tmp_path):
    Image.open(folder.path(folder.cases[3])).save(tmp_path / "copy.tiff")
    found = hits_of(archive, tmp_path / "copy.tiff", 24)
    assert [hit.entry.file for hit in found.hits if hit.identical] == [folder.cases[3].file]


def test_without_self_leaves_out_the_picture_and_nothing_else(folder, archive):
    path = folder.path(folder.cases[0])
    whole, without = hits_of(archive, path, 24), hits_of(archive, path, 24, without_self=True)
    rest = [hit.entry.id for hit in whole.hits if not hit.identical]
    assert [hit.entry.id for hit in without.hits] == rest
    assert [hit.rank for hit in without.hits] == list(range(1, 24))


def test_fewer_hits_are_the_start_of_more(folder, archive):
    path = folder.path(folder.cases[7])
    many = hits_of(archive, path, 20)
    for k in (1, 5, 19):
        few = hits_of(archive, path, k)
        assert [hit.entry for hit in few.hits] == [hit.entry for hit in many.hits[:k]]
        assert few.beyond == many.hits[k].distance


def test_k_beyond_the_archive_shows_all_and_below_one_is_refused(folder, archive):
    found = hits_of(archive, folder.path(folder.cases[0]), 500)
    assert len(found) == len(archive) and found.beyond is None
    with pytest.raises(SearchError, match="at least 1"):
        hits_of(archive, folder.path(folder.cases[0]), 0)


def test_ids_do_not_follow_the_order_of_the_table(folder, model, tmp_path):
    """The same pictures listed in another order, under other names, get the same ids."""
    root = tmp_path / "shuffled"
    (root / "images").mkdir(parents=True)
    lines = ["file,label,patient_id,split"]
    cases = list(folder.cases)
    random.Random(0).shuffle(cases)
    for number, case in enumerate(cases):
        shutil.copy(folder.path(case), root / "images" / f"{number}.png")
        lines.append(f"images/{number}.png,{case.label},{case.patient_id},{case.split}")
    (root / "images.csv").write_text("\n".join(lines))
    one = indexing.index(folder, model, tmp_path / "one")
    other = indexing.index(read_folder(root), model, tmp_path / "other")
    assert one.id == other.id
    np.testing.assert_array_equal(one.codes, other.codes)
    ids = one.catalogue.column("id").tolist()
    assert ids == sorted(ids)
    assert all(
        sha.startswith(id_) for id_, sha in zip(ids, one.catalogue.column("sha256"), strict=True)
    )


def test_copies_of_one_picture_are_all_kept(folder, model, tmp_path):
    root = tmp_path / "twice"
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        shutil.copy(folder.path(folder.cases[0]), root / label / "same.png")
    archive = indexing.index(read_folder(root), model, tmp_path / "archive")
    first, second = archive.catalogue.column("id").tolist()
    assert second == f"{first}-2"
    found = hits_of(archive, folder.path(folder.cases[0]), 5)
    assert [hit.identical for hit in found.hits] == [True, True]
    assert len(hits_of(archive, folder.path(folder.cases[0]), 5, without_self=True)) == 0


def test_add_then_remove(own, folder, tmp_path):
    before = own.id
    Image.fromarray(small.picture("disk", 999)).save(tmp_path / "new.png")
    bigger = indexing.add(own.folder, [tmp_path / "new.png"], " disk ")
    assert len(bigger) == len(own) + 1 and bigger.id != before
    archives.verify(bigger)
    hit = hits_of(bigger, tmp_path / "new.png", 1)[0]
    assert hit.identical and hit.entry.label == "disk" and hit.entry.source == "added"
    kept = bigger.picture(hit.entry)
    assert decode.read(kept).sha256 == decode.read(tmp_path / "new.png").sha256
    smaller = indexing.remove(own.folder, [hit.entry.id])
    assert smaller.id == before and not kept.exists()
    archives.verify(smaller)
    assert len(hits_of(own, tmp_path / "new.png", 50)) == 24  # what was open before still answers


def test_add_and_remove_refuse_and_change_nothing(own, folder, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    Image.linear_gradient("L").resize((15, 400)).save(tmp_path / "thin.png")
    for files, label, error, sentence in (
        ([folder.path(folder.cases[0])], "disk", ArchiveError, "is in archive own already"),
        ([tmp_path / "text.png"], "disk", UnsupportedScan, "text.png: "),
        ([tmp_path / "text.png"], " ", ArchiveError, "need a label"),
        ([tmp_path / "thin.png"], "disk", UnsupportedScan, "thin.png: .* too few to search with"),
    ):
        with pytest.raises(error, match=sentence):
            indexing.add(own.folder, files, label)
    with pytest.raises(ArchiveError, match="has no case ffff"):
        indexing.remove(own.folder, ["ffff"])
    with pytest.raises(ArchiveError, match="would empty"):
        indexing.remove(own.folder, own.catalogue.column("id").tolist())
    assert open_archive(own.folder).id == own.id


def test_index_refuses_a_folder_that_is_taken(own, folder, model):
    with pytest.raises(ArchiveError, match="is not empty"):
        indexing.index(folder, model, own.folder)


def test_a_picture_that_cannot_be_read_stops_indexing_and_leaves_nothing(folder, model, tmp_path):
    root = tmp_path / "bad"
    shutil.copytree(folder.root, root)
    (root / folder.cases[5].file).write_bytes(b"")
    with pytest.raises(UnreadableScan, match="empty"):
        indexing.index(read_folder(root), model, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


def test_a_picture_too_small_to_search_stops_indexing(folder, model, tmp_path):
    root = tmp_path / "bad"
    shutil.copytree(folder.root, root)
    Image.linear_gradient("L").resize((400, 15)).save(root / folder.cases[5].file)
    with pytest.raises(UnsupportedScan, match=r"png: The picture has 400 x 15 pixels, too few"):
        indexing.index(read_folder(root), model, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


def test_another_model_is_refused(own, folder, tmp_path):
    other = small.build_model(tmp_path / "other", folder, seed=5)
    with pytest.raises(ModelMismatch, match=r"was built with model small .*, not with other"):
        own.require(other)


def test_a_pruned_model_searches_the_archive_of_the_full_one(own, folder, tmp_path):
    pruned = models.prune(own.model(), tmp_path / "pruned")
    own.require(pruned)
    scan = decode.read(folder.path(folder.cases[2]))
    found = search(own, pruned.codes(pruned.encode([scan.pixels])), scan.sha256).hits(3)
    assert found[0].distance == 0 and found[0].identical


def test_codes_of_every_length_follow_from_the_features(archive, model):
    features = np.asarray(archive.features)
    assert features.shape == (24, 512) and features.dtype == np.float16
    np.testing.assert_array_equal(model.codes(features, None, archive.columns), archive.codes)


def test_archive_and_model_may_move_together(folder, tmp_path):
    model = small.build_model(tmp_path / "here" / "model", folder)
    indexing.index(folder, model, tmp_path / "here" / "archive")
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = open_archive(tmp_path / "there" / "archive")
    assert moved.model().id == model.id
    archives.verify(moved)


def test_pictures_are_found_beside_in_the_source_or_in_the_data_folder(
    folder, model, tmp_path, monkeypatch
):
    linked = indexing.index(folder, model, tmp_path / "linked")
    entry = linked.catalogue.entries([0])[0]
    assert linked.picture(entry).samefile(folder.root / entry.file)
    loose = indexing.index(folder, model, tmp_path / "loose", pictures="none")
    assert loose.picture(entry) is None
    shutil.copytree(folder.root, tmp_path / "data" / folder.root.name)
    monkeypatch.setenv(archives.DATA_VARIABLE, str(tmp_path / "data"))
    assert loose.picture(entry).is_file()


def test_an_archive_may_carry_its_pictures(folder, model, tmp_path):
    carried = indexing.index(folder, model, tmp_path / "carried", pictures="copy")
    for entry in carried.catalogue.entries():
        assert carried.carries(carried.picture(entry))
        assert decode.read(carried.picture(entry)).sha256 == entry.sha256
    assert [path.suffix for path in carried.folder.glob("pictures*")] == [".zip"]
    again = indexing.index(folder, model, tmp_path / "again", pictures="copy")
    assert again.pack.path.name == carried.pack.path.name  # and so the same bytes
    with pytest.raises(ArchiveError, match="Pictures can be link, copy, none"):
        indexing.index(folder, model, tmp_path / "other", pictures="move")


def test_a_copy_that_is_missing_is_noticed(folder, model, tmp_path):
    carried = indexing.index(folder, model, tmp_path / "carried", pictures="copy")
    archives.verify(carried)
    entry = carried.catalogue.entries([3])[0]
    repack(carried, {name: carried.pack.read(name) for name in carried.pack.names - {entry.file}})
    carried = open_archive(carried.folder)
    assert carried.picture(entry) is None
    with pytest.raises(ArchiveError, match=f"lacks the picture of case {entry.id}"):
        archives.verify(carried)


def repack(archive, parts):
    """Put a pack of these parts in an archive, as a faulty program might."""
    writer = {archives.PACK: lambda path: packs.write(path, parts.items())}
    storage.update(archive.folder, archives.MANIFEST, archive.about, writer)


def test_a_damaged_copy_and_a_damaged_pack_are_noticed(folder, model, tmp_path):
    carried = indexing.index(folder, model, tmp_path / "carried", pictures="copy")
    entry, path = carried.catalogue.entries([3])[0], carried.pack.path
    data = carried.picture(entry).read_bytes()
    path.write_bytes(path.read_bytes().replace(data, data[:-9] + b"?" + data[-8:]))
    damaged = open_archive(carried.folder)
    with pytest.raises(ArchiveError, match="does not match its checksum"):
        archives.verify(damaged)
    with pytest.raises(ArchiveError, match="is damaged; make or download"):
        decode.read(damaged.picture(entry))
    decode.read(damaged.picture(carried.catalogue.entries([4])[0]))
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ArchiveError, match="is damaged; make or download"):
        open_archive(carried.folder)


def test_a_name_that_leads_out_is_no_picture_though_a_pack_has_it(folder, model, tmp_path):
    carried = indexing.index(folder, model, tmp_path / "carried", pictures="copy")
    entry = carried.catalogue.entries([0])[0]
    repack(carried, {"../up.png": b"", entry.file: carried.picture(entry).read_bytes()})
    carried = open_archive(carried.folder)
    assert carried.picture(replace(entry, file="../up.png")) is None
    assert carried.picture(entry) is not None


def test_pictures_come_to_a_pack_and_leave_it(folder, model, tmp_path):
    carried = indexing.index(folder, model, tmp_path / "carried", pictures="copy")
    first = carried.pack.path
    Image.fromarray(small.picture("disk", 999)).save(tmp_path / "new.png")
    larger = indexing.add(carried.folder, [tmp_path / "new.png"], "disk")
    added = next(e for e in larger.catalogue.entries() if e.source == "added")
    gone = next(e for e in larger.catalogue.entries() if e.source != "added")
    assert larger.pack.path == first and larger.carries(larger.picture(added))
    smaller = indexing.remove(carried.folder, [gone.id])
    assert smaller.pack.names == larger.pack.names - {gone.file}
    assert smaller.picture(gone) is None and smaller.picture(added) is not None
    assert list(carried.folder.glob("pictures-*")) == [smaller.pack.path]  # nor on the disk
    assert larger.picture(gone).read_bytes()  # what was open before still answers
    archives.verify(smaller)
    smaller = indexing.remove(carried.folder, [added.id])
    assert smaller.picture(added) is None and not any((carried.folder / "pictures").iterdir())


def test_a_file_that_changes_while_it_is_copied_is_refused(folder, model, tmp_path):
    read, calls = decode.read, []

    def changing(path):
        calls.append(path)
        if len(calls) <= len(folder.cases):
            return read(path)
        return read(folder.path(folder.cases[calls.index(path) - 1]))

    with pytest.raises(ArchiveError, match="changed while it was read; try again"):
        indexing.index(folder, model, tmp_path / "odd", pictures="copy", read=changing)
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_of_an_archive_follows_all_that_it_stores(own, folder, model, tmp_path):
    """Its id leaves out sources and notes, and is that of a full model and its pruned copy."""
    entries = own.catalogue.entries()
    noted = [replace(entries[0], note="two labels"), *entries[1:]]
    changed = indexing._rewrite(own, np.asarray(own.codes), np.asarray(own.features), noted)
    assert changed.id == own.id and changed.state != own.state
    assert changed.model_key == own.model_key
    pruned = models.prune(model, tmp_path / "pruned")
    one, other = (indexing.index(folder, by, tmp_path / f"by-{by.name}") for by in (model, pruned))
    assert one.id == other.id and one.about["model"]["id"] == other.about["model"]["id"]
    assert one.state != other.state and one.model_key != other.model_key


def test_shipped_archives_share_the_models_they_name():
    opened = [open_archive(name) for name in archives.shipped()]
    assert len({one.model_key for one in opened}) == len(models.shipped()) < len(opened)


def test_damage_is_noticed(own):
    codes = archives.storage.data_file(own.folder, own.about, archives.CODES)
    array = np.load(codes).copy()
    array[0, 0] ^= 1
    entries = own.catalogue.entries()
    indexing._rewrite(own, array, np.asarray(own.features), entries)
    with pytest.raises(ArchiveError, match="do not follow from its features"):
        archives.verify(open_archive(own.folder))
    newer = open_archive(own.folder)
    archives.storage.data_file(own.folder, newer.about, archives.FEATURES).write_bytes(b"x")
    with pytest.raises(ArchiveError, match="missing or cut off"):
        open_archive(own.folder)
    with pytest.raises(ArchiveError, match="There is no archive nowhere; shipped archives:"):
        open_archive("nowhere")


def reseal(archive, **changes):
    """Change an archive's manifest and seal it again, as a faulty program might."""
    about = {**archive.about, **changes}
    about = {key: value for key, value in about.items() if value is not None}
    storage.replace_json(
        archive.folder / "archive.json", {**about, "digest": storage.fingerprint(about)}
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 23},
        {"bits": 64},
        {"columns": [1, 2]},
        {"model": None},
        {"model": {"id": 3, "name": "x", "folder": ""}},
        {"id": None},
        {"pictures": 7},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(own, changes):
    reseal(own, **changes)
    with pytest.raises(ArchiveError, match="is damaged"):
        open_archive(own.folder)


def test_an_archive_whose_model_is_gone_says_which_it_needs(own):
    reseal(own, model={"id": "0" * 16, "name": "lost", "folder": "../lost"})
    with pytest.raises(ModelMismatch, match=r"needs model lost \(0{16}\)"):
        open_archive(own.folder).model()


def test_what_comes_with_the_project_is_not_changed(own, monkeypatch):
    monkeypatch.setattr(archives, "SHIPPED", own.folder.parent)
    with pytest.raises(ArchiveError, match="comes with the project"):
        indexing.remove(own.folder, own.catalogue.column("id").tolist()[:1])


def twins(root, model, out, order, **options):
    """An archive of one picture under two labels, listed in the order given."""
    root.mkdir(parents=True)
    for label in ("a", "b"):
        Image.fromarray(small.picture("disk", 1)).save(root / f"{label}.png")
    Image.fromarray(small.picture("bar", 1)).save(root / "other.png")
    lines = [f"{label}.png,{label}" for label in order]
    (root / "images.csv").write_text("\n".join(["file,label", *lines, "other.png,a"]))
    return indexing.index(read_folder(root), model, out, **options)


@pytest.mark.parametrize("pictures", ["link", "copy"])
def test_ids_of_copies_do_not_follow_the_table_and_stay_when_one_leaves(model, tmp_path, pictures):
    one = twins(tmp_path / "f1", model, tmp_path / "one", "ab", pictures=pictures)
    other = twins(tmp_path / "f2", model, tmp_path / "other", "ba", pictures=pictures)
    assert one.id == other.id
    first, second = sorted(
        (e for e in one.catalogue.entries() if e.file != "other.png"), key=lambda e: e.id
    )[:2]
    sha256 = decode.read(tmp_path / "f1/a.png").sha256
    gone, stays = (
        (first, second) if second.id.startswith(first.id) else
        (e for e in one.catalogue.entries() if e.sha256 == sha256)
    )  # fmt: skip
    smaller = indexing.remove(one.folder, [gone.id])
    left = next(e for e in smaller.catalogue.entries() if e.sha256 == stays.sha256)
    assert left == stays
    assert smaller.picture(left) is not None  # the copy that both shared is still there
    with pytest.raises(ArchiveError, match="has no case"):
        indexing.remove(one.folder, [gone.id])


def test_remove_deletes_nothing_that_is_not_the_archives_own(own, folder, tmp_path):
    (tmp_path / "precious.txt").write_text("keep")
    entries = own.catalogue.entries()
    bad = [replace(entries[0], file="../../precious.txt"), *entries[1:]]
    spoilt = indexing._rewrite(own, np.asarray(own.codes), np.asarray(own.features), bad)
    assert spoilt.picture(bad[0]) is None
    with pytest.raises(ArchiveError, match="does not agree with itself"):
        archives.verify(spoilt)
    indexing.remove(own.folder, [bad[0].id])
    assert (tmp_path / "precious.txt").read_text() == "keep"
    linked = entries[5]
    indexing.remove(own.folder, [linked.id])
    assert (folder.root / linked.file).is_file()


def test_a_removal_stopped_half_way_leaves_no_picture_behind(own, tmp_path, monkeypatch):
    file = tmp_path / "new.png"
    Image.fromarray(small.picture("disk", 901)).save(file)
    larger = indexing.add(own.folder, [file], "disk")
    entry = next(e for e in larger.catalogue.entries() if e.source == "added")
    copy = larger.picture(entry)
    (copy.parent / "mine.png").write_bytes(b"not the archive's")
    half = copy.parent / f".{copy.name}{archives.storage.PARTIAL}"
    half.write_bytes(copy.read_bytes()[:99])  # of an addition that was killed while it wrote
    with monkeypatch.context() as stopped:
        stopped.setattr(indexing, "_rewrite", interrupted_after(indexing._rewrite))
        with pytest.raises(KeyboardInterrupt):
            indexing.remove(own.folder, [entry.id])
    assert copy.is_file()
    with pytest.raises(ArchiveError, match="has no case"):  # it did leave the archive
        indexing.remove(own.folder, [entry.id])
    assert [path.name for path in copy.parent.iterdir()] == ["mine.png"]


def interrupted_after(work):
    def stop(*arguments):
        work(*arguments)
        raise KeyboardInterrupt

    return stop


def test_a_folder_whose_pictures_are_all_unused_is_refused(model, tmp_path):
    root = tmp_path / "unused"
    root.mkdir()
    Image.fromarray(small.picture("disk", 1)).save(root / "a.png")
    (root / "images.csv").write_text("file,label,split\na.png,x,unused\n")
    with pytest.raises(DataError, match="no picture to encode"):
        indexing.index(read_folder(root), model, tmp_path / "out")


def test_two_processes_may_add_at_once_while_a_third_searches(own, tmp_path):
    """Neither addition is lost, and no search meets half an archive."""
    program = (
        "import sys; from pathlib import Path; from retrieval.archives import indexing\n"
        "for file in sys.argv[2:]: indexing.add(Path(sys.argv[1]), [Path(file)], 'disk')\n"
    )
    files = []
    for number in range(8):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(small.picture("disk", 500 + number)).save(files[-1])
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(own.folder), *map(str, part)])
        for part in (files[:4], files[4:])
    ]
    while any(writer.poll() is None for writer in writers):
        now = open_archive(own.folder)
        assert len(search(now, np.asarray(now.codes[:1]), "none").hits(5)) == 5
        assert len(search(own, np.asarray(own.codes[:1]), "none").hits(5)) == 5
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(open_archive(own.folder)) == 32
    archives.verify(open_archive(own.folder))


def test_a_reader_overtaken_by_two_changes_reads_the_state_after_them(own, monkeypatch):
    read, ids = storage.read_manifest, [entry.id for entry in own.catalogue.entries([0, 1])]

    def overtaken(folder, *rest):
        about = read(folder, *rest)
        if ids:
            indexing.remove(own.folder, [ids.pop()])
        return about

    monkeypatch.setattr(storage, "read_manifest", overtaken)
    now = open_archive(own.folder)
    assert not ids and len(now) == len(own) - 2
    archives.verify(now)


def test_a_damaged_archive_is_refused_though_it_could_be_read_again(own):
    about = storage.read_manifest(own.folder, archives.MANIFEST, archives.SCHEMA, ArchiveError)
    storage.data_file(own.folder, about, archives.CODES).unlink()
    with pytest.raises(ArchiveError, match="is missing or cut off"):
        open_archive(own.folder)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_an_addition_killed_at_any_moment_blocks_no_later_one(own, tmp_path):
    program = (
        "import sys; from pathlib import Path; from retrieval import storage\n"
        "from retrieval.archives import indexing\n"
        "own, calls, stop = storage.os.replace, [], int(sys.argv[3])\n"
        "def replace(*places):\n"
        "    calls.append(1)\n"
        "    if len(calls) == stop: storage.os.kill(storage.os.getpid(), 9)\n"
        "    own(*places)\n"
        "storage.os.replace = replace\n"
        "indexing.add(Path(sys.argv[1]), [Path(sys.argv[2])], 'disk')\n"
    )
    for stop in (1, 3, 5):  # at the picture's copy, at a data file, at the manifest
        file = tmp_path / f"{stop}.png"
        Image.fromarray(small.picture("disk", 700 + stop)).save(file)
        command = [sys.executable, "-c", program, str(own.folder), str(file), str(stop)]
        assert subprocess.run(command).returncode == -9
        archives.verify(open_archive(own.folder))
        indexing.add(own.folder, [file], "disk")
        archives.verify(open_archive(own.folder))
    assert len(open_archive(own.folder)) == 27


@pytest.mark.parametrize("name", archives.shipped())
def test_shipped_archives_are_whole(name):
    archives.verify(open_archive(name))
