"""Folders that are whole or not there, also when the writer is stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from retrieval import storage
from retrieval.errors import ArchiveError

MANIFEST = "thing.json"
ABOUT = {"schema": 1, "name": "thing"}


def write(text):
    return lambda path: path.write_text(text)


def reword(folder, old, new):
    path = folder / MANIFEST
    path.write_text(path.read_text().replace(old, new))


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


def test_update_keeps_the_state_before_for_readers_on_their_way_and_no_older_one(tmp_path):
    folder = tmp_path / "thing"
    storage.create(folder, MANIFEST, ABOUT, {"data.txt": write("one")})
    about = storage.read_manifest(folder, MANIFEST, 1, ArchiveError)
    for text in ("two", "three", "four"):
        storage.update(folder, MANIFEST, ABOUT, {"data.txt": write(text)})
        if text == "two":
            assert storage.data_file(folder, about, "data.txt").read_text() == "one"
        assert read(folder) == text
    assert sorted(p.read_text() for p in folder.glob("data-*")) == ["four", "three"]


def test_an_update_passes_over_the_rest_of_a_folder_that_was_being_made_inside(tmp_path):
    folder = tmp_path / "thing"
    storage.create(folder, MANIFEST, ABOUT, {"data.txt": write("one")})
    left = folder / f".inner-1{storage.PARTIAL}"
    left.mkdir()
    storage.update(folder, MANIFEST, ABOUT, {"data.txt": write("two")})
    assert read(folder) == "two" and left.is_dir()


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
        "    print(n, flush=True)\n"
    )
    for attempt in range(12):
        command = [sys.executable, "-c", program, str(folder)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        child.stdout.readline()  # it has begun to write
        time.sleep(0.0013 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        text = read(folder)
        assert len(text) == 50_000 and len(set(text)) == 1
    storage.update(folder, MANIFEST, ABOUT, {"data.txt": write("last")})
    assert read(folder) == "last" and not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: (f / MANIFEST).unlink(), "holds no thing.json"),
        (lambda f: (f / MANIFEST).write_text("{"), "is damaged"),
        (lambda f: (f / MANIFEST).write_text("[]"), "is damaged"),
        (lambda f: (f / MANIFEST).write_text("[" * 100_000), "is damaged"),
        (lambda f: (f / MANIFEST).write_text('{"schema": 1, "files": {"a": 3}}'), "is damaged"),
        (lambda f: reword(f, '"schema": 1', '"schema": 9'), "has schema 9"),
        (lambda f: reword(f, '"name": "thing"', '"name": "other"'), "changed by hand"),
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


def test_only_one_holds_the_lock(tmp_path):
    """A second process waits until the first lets go, also when that one is killed."""
    program = (
        "import sys, time; from pathlib import Path; from retrieval import storage\n"
        "with storage.locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"held\n"
        killed = threading.Event()

        def kill():
            killed.set()
            child.kill()

        threading.Timer(0.3, kill).start()
        with storage.locked(tmp_path):
            assert killed.is_set()


def test_where_nothing_can_be_written_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file" / "below", Path.cwd(), Path("/")):
        with pytest.raises(ArchiveError):
            storage.require_free(place, ArchiveError)
    for place in (tmp_path, Path("/"), tmp_path / "file" / "below.json"):
        with pytest.raises(ArchiveError):
            storage.require_file(place, ArchiveError)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ArchiveError, match="name one that is not there"):
        storage.require_free(tmp_path / "link", ArchiveError)


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside(tmp_path, monkeypatch):
    path = tmp_path / "file"
    storage.replace_bytes(path, b"old")

    def stop(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_flush", stop)
    with pytest.raises(KeyboardInterrupt):
        storage.replace_bytes(path, b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"old")]


def test_json_is_one_line_a_key(tmp_path):
    value = {"a": [1, 2, 3], "b": {"c": "d"}}
    storage.replace_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == value and len(text.splitlines()) == 4
    storage.replace_json(tmp_path / "x.json", value, compact=True)
    assert (tmp_path / "x.json").read_text() == '{\n"a":[1,2,3],\n"b":{"c":"d"}\n}\n'


def test_fingerprint_does_not_depend_on_the_order_of_keys():
    assert storage.fingerprint({"a": 1, "b": 2}) == storage.fingerprint({"b": 2, "a": 1})
    assert storage.fingerprint({"a": 1}) != storage.fingerprint({"a": 2})
