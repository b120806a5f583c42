"""What a visitor does on the pages and sees there, without a browser."""

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

from retrieval.archives import archive as archives
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry

ROOT = Path(__file__).parents[2]
HOSTILE = "![t](http://evil.example/t.gif)<iframe srcdoc=x>:red[www.evil.example]"


def started() -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60).run()
    assert not app.exception
    return app


def at_page(name: str) -> AppTest:
    return started().switch_page(name).run()


def uploaded(app: AppTest, data: bytes, name: str = "slice.png") -> AppTest:
    app = app.file_uploader[0].upload(name, data).run()
    assert not app.exception
    return app


def shipped_sample() -> tuple[Archive, Entry]:
    for name in archives.shipped():
        archive = archives.open_archive(name)
        for entry in archive.catalogue.entries():
            if archive.picture(entry):
                return archive, entry
    raise AssertionError("no archive ships with pictures")


def without_pictures() -> Archive:
    opened = [archives.open_archive(name) for name in archives.shipped()]
    return next(a for a in opened if a.picture(a.catalogue.entries([0])[0]) is None)


def sample_bytes() -> bytes:
    archive, entry = shipped_sample()
    return archive.picture(entry).read_bytes()


def control(app: AppTest, key: str):
    return next(one for one in app.segmented_control if one.key == key)


def rows(app: AppTest) -> list[tuple[int, int]]:
    """Rank and distance of every match shown, on a card or folded behind one, by rank."""
    found, rank = [], None
    for text in (one.value for one in app.markdown):
        if opened := re.match(r"\*\*(\d+)\. ", text):
            rank = int(opened[1])
        elif rank and (numbers := re.match(r":small\[(\d+) of \d+ bits", text)):
            found.append((rank, int(numbers[1])))
            rank = None
        elif behind := re.match(r"(\d+)\. .*:small\[(\d+) of \d+ bits", text):
            found.append((int(behind[1]), int(behind[2])))
    return sorted(found)


def leaders(app: AppTest) -> list[int]:
    """Ranks of the matches with a card of their own, in order of the cards."""
    opened = (re.match(r"\*\*(\d+)\. .*\*\*$", one.value) for one in app.markdown)
    return [int(found[1]) for found in opened if found]


def ranks(app: AppTest) -> list[int]:
    return [rank for rank, _ in rows(app)]


def distances(app: AppTest) -> list[int]:
    return [distance for _, distance in rows(app)]


def texts(app: AppTest) -> list[str]:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.title, app.subheader)
    return [element.value for kind in kinds for element in kind]


def counted(monkeypatch, owner: type, name: str) -> list[str]:
    calls, original = [], getattr(owner, name)

    def counting(*arguments, **options):
        calls.append(name)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, counting)
    return calls
