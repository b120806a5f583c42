"""Folders that are whole or not there, also when the writer is stopped."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from retrieval import storage
from retrieval.errors import ArchiveError

MANIFEST = "thing.json"
ABOUT = {"schema": 1, "name": "thing"}


def write(text):
    return lambda path: path.write_text(text)


def read(folder):
    about = storage.read_manifest(folder, MANIFEST, 1, ArchiveError)
    storage.verify(folder, about, ArchiveError)
    return storage.data_file(folder, about, "data.txt").read_text()


def test_create_then_read(tmp_path):
    storage.create(tmp_path / "new", MANIFEST, ABOUT, {"data.txt": write("one")})
    assert read(tmp_path / "new") == "one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


def test_a_folder_that_holds_something_is_never_replaced(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    storage.require_free(taken, ArchiveError)
    storage.require_free(tmp_path / "new", ArchiveError)
    (taken / "mine.txt").write_text("keep")
    for place in (taken, taken / "mine.txt"):
        with pytest.raises(ArchiveError, match="is not empty"):
            storage.require_free(place, ArchiveError)
    with pytest.raises(OSError):
        storage.create(taken, MANIFEST, ABOUT, {"data.txt": write("one")})
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def fail(path):
        path.write_text("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        storage.create(tmp_path / "new", MANIFEST, ABOUT, {"data.txt": fail})
    assert not list(tmp_path.iterdir())


def test_update_keeps_an_open_reader_and_drops_the_old_file(tmp_path):
    folder = tmp_path / "thing"
    storage.create(folder, MANIFEST, ABOUT, {"data.txt": write("one")})
    about = storage.read_manifest(folder, MANIFEST, 1, ArchiveError)
    with storage.data_file(folder, about, "data.txt").open() as reader:
        storage.update(folder, MANIFEST, ABOUT, {"data.txt": write("two")})
        if os.name == "posix":
            assert reader.read() == "one"
    assert read(folder) == "two"
    assert len(list(folder.iterdir())) == 2


def test_a_failed_update_keeps_the_old_state(tmp_path):
    folder = tmp_path / "thing"
    storage.create(folder, MANIFEST, ABOUT, {"data.txt": write("one")})

    def fail(path):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        storage.update(folder, MANIFEST, ABOUT, {"data.txt": write("two"), "more.txt": fail})
    assert read(folder) == "one"


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_at_any_moment_leaves_the_old_state_or_the_new(tmp_path):
    folder = tmp_path / "thing"
    storage.create(folder, MANIFEST, ABOUT, {"data.txt": write("x" * 50_000)})
    program = (
        "import sys; from pathlib import Path; from retrieval import storage\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        f"    storage.update(Path(sys.argv[1]), {MANIFEST!r}, {ABOUT!r},\n"
        "        {'data.txt': lambda path: path.write_text(chr(97 + n % 26) * 50_000)})\n"
    )
    for attempt in range(12):
        child = subprocess.Popen([sys.executable, "-c", program, str(folder)])
        time.sleep(0.12 + 0.011 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
        text = read(folder)
        assert len(text) == 50_000 and len(set(text)) == 1


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: (f / MANIFEST).unlink(), "holds no thing.json"),
        (lambda f: (f / MANIFEST).write_text("{"), "is damaged"),
        (lambda f: (f / MANIFEST).write_text("[]"), "is damaged"),
        (lambda f: (f / MANIFEST).write_text('{"schema": 1, "files": {"a": 3}}'), "is damaged"),
        (lambda f: (f / MANIFEST).write_text('{"schema": 9, "files": {}}'), "has schema 9"),
        (lambda f: next(f.glob("data-*")).unlink(), "missing or cut off"),
        (lambda f: next(f.glob("data-*")).write_text("on"), "missing or cut off"),
        (lambda f: next(f.glob("data-*")).write_text("two"), "does not match its checksum"),
    ],
)
def test_every_damage_has_its_sentence(tmp_path, spoil, sentence):
    folder = tmp_path / "thing"
    storage.create(folder, MANIFEST, ABOUT, {"data.txt": write("one")})
    spoil(folder)
    with pytest.raises(ArchiveError, match=sentence) as caught:
        read(folder)
    assert str(caught.value).endswith(".")


def test_json_is_one_line_a_key(tmp_path):
    value = {"a": [1, 2, 3], "b": {"c": "d"}}
    storage.replace_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == value and len(text.splitlines()) == 4


def test_fingerprint_does_not_depend_on_the_order_of_keys():
    assert storage.fingerprint({"a": 1, "b": 2}) == storage.fingerprint({"b": 2, "a": 1})
    assert storage.fingerprint({"a": 1}) != storage.fingerprint({"a": 2})
