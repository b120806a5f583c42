"""A stand-in for the authors' server, honest and not, and what is made of what it sends."""

import csv
import hashlib
import io
import struct
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.data.covid_ct import derive, pixels_sha256
from retrieval.data.download import COVID_CT, Source, download, obtain, read_originals
from retrieval.data.folder import read_folder
from retrieval.errors import DownloadError

REAL = Path(__file__).parents[3] / "shared" / "data" / "covid-ct"
FIRST, SECOND = "z/CT_COVID.zip", "z/CT_NonCOVID.zip"
MASKED = "63%0.jpg"

needs_pictures = pytest.mark.skipif(
    not REAL.is_dir(), reason="the COVID-CT pictures are not on this machine"
)


@dataclass(frozen=True)
class Reply:
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0


@dataclass
class Site:
    """A web server whose replies a test may change, and which counts what it is asked for."""

    url: str
    replies: dict[str, Reply]
    hits: Counter[str] = field(default_factory=Counter)


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            site.hits[name] += 1
            reply = site.replies.get(name, Reply(b"", status=404))
            time.sleep(reply.delay_s)
            self.send_response(reply.status)
            for key, value in (
                {"Content-Length": str(len(reply.body))} | dict(reply.headers)
            ).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def encoded(pixels: NDArray[np.generic], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def noise(height: int, width: int, *channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (height, width, *channels), dtype=np.uint8)


@pytest.fixture
def pictures() -> dict[str, bytes]:
    """Published pictures by their member name."""
    return {
        "CT_COVID/a-p3-89%0.png": encoded(noise(16, 24, 4)),
        "CT_COVID/wide.png": encoded(noise(333, 901)),
        f"CT_NonCOVID/{MASKED}": encoded(noise(522, 784), "JPEG"),
        "CT_NonCOVID/12.jpg": encoded(noise(30, 40, 3), "JPEG"),
    }


def zipped(pictures: Mapping[str, bytes], folder: str, **extra: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (dict(pictures) | extra).items():
            if name.startswith(folder) or name in extra:
                archive.writestr(name, content)
    return stream.getvalue()


def write_table(path: Path, pictures: Mapping[str, bytes]) -> None:
    """Describe the pictures as the shipped table does."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for number, (member, content) in enumerate(pictures.items()):
            folder, name = member.split("/")
            masked = name == MASKED
            row = dict.fromkeys(COLUMNS, "") | {
                "file": f"images/{folder}_{Path(name).stem.replace('%', '.')}.png",
                "label": folder.removeprefix("CT_").lower(),
                "patient_id": f"p{number}",
                "split": ("train", "test")[number % 2],
                "original_name": name,
                "folder": folder,
                "bytes": str(len(content)),
                "sha256": hashlib.sha256(content).hexdigest(),
                "source_group": "paper",
                "masked": str(int(masked)),
                "pixels_sha256": pixels_sha256(derive(content, masked=masked)),
            }
            writer.writerow(row)


COLUMNS = tuple(COVID_CT.table.read_text(encoding="utf-8").split("\n", 1)[0].split(","))


@pytest.fixture
def site(pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = Site("", {name: Reply(zipped(pictures, Path(name).stem)) for name in (FIRST, SECOND)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(site))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def source(site: Site, tmp_path: Path, pictures: dict[str, bytes]) -> Source:
    table = tmp_path / "table.csv"
    write_table(table, pictures)
    return Source("stand-in", site.url, "STAND_IN_URL", (FIRST, SECOND), table, timeout_s=5)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "new" / "out"


def refusal(source: Source, out: Path, **options: str) -> str:
    with pytest.raises(DownloadError) as caught:
        obtain(source, out, **options)
    assert not out.exists()
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def derived(out: Path, file: str) -> NDArray[np.uint8]:
    with Image.open(out / "images" / file) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image)


def test_a_download_is_a_folder_of_pictures(source: Source, out: Path) -> None:
    assert obtain(source, out) == out
    folder = read_folder(out)
    assert [(case.label, case.split, case.patient_id, case.source) for case in folder.cases] == [
        ("covid", "train", "p0", "paper"),
        ("covid", "test", "p1", "paper"),
        ("noncovid", "train", "p2", "paper"),
        ("noncovid", "test", "p3", "paper"),
    ]
    assert {path.name for path in out.iterdir()} == {"images", "images.csv"}
    assert {path.name for path in out.parent.iterdir()} == {"out"}
    assert derived(out, "CT_NonCOVID_12.png").shape == (30, 40)


def test_long_sides_are_reduced_and_rounded(source: Source, out: Path) -> None:
    obtain(source, out)
    assert derived(out, "CT_COVID_wide.png").shape == (222, 600)  # 333 * 600 / 901 = 221.75
    assert derived(out, "CT_NonCOVID_63.0.png").shape == (399, 600)


def test_alpha_lies_over_black(source: Source, out: Path) -> None:
    obtain(source, out)
    red, green, blue, alpha = np.moveaxis(noise(16, 24, 4).astype(float), -1, 0)
    expected = (0.299 * red + 0.587 * green + 0.114 * blue) * alpha / 255
    assert np.abs(derived(out, "CT_COVID_a-p3-89.0.png") - expected).max() <= 1.5


def test_sixteen_bits_are_stretched_to_eight() -> None:
    deep = np.array([[1000, 2000], [3000, 5000]], dtype=np.uint16)
    assert np.asarray(derive(encoded(deep), masked=False)).tolist() == [[0, 64], [128, 255]]
    flat = np.full((2, 2), 40_000, dtype=np.uint16)
    assert not np.asarray(derive(encoded(flat), masked=False)).any()


@pytest.mark.parametrize("shape", [(261, 392), (522, 784)])
def test_nothing_of_the_masked_corner_is_left(shape: tuple[int, int]) -> None:
    height, width = shape
    bottom, left = round(0.075 * height), int(0.70 * width)
    shown, dated = noise(*shape), noise(*shape)
    dated[:bottom, left:] = 255
    first, second = (derive(encoded(pixels), masked=True) for pixels in (shown, dated))
    assert first.tobytes() == second.tobytes()
    if max(shape) <= 600:
        strip = shown[bottom : 2 * bottom, left:]
        assert np.unique(np.asarray(first)[:bottom, left:]) == int(np.median(strip))
        assert (np.asarray(first)[bottom:] == shown[bottom:]).all()


def test_the_mask_reaches_the_disk(source: Source, out: Path, pictures: dict[str, bytes]) -> None:
    obtain(source, out)
    content = pictures[f"CT_NonCOVID/{MASKED}"]
    written = derived(out, "CT_NonCOVID_63.0.png")
    assert (written == np.asarray(derive(content, masked=True))).all()
    assert np.unique(written[:25, 430:]).size == 1


def test_a_second_run_does_nothing_and_says_so(source: Source, site: Site, out: Path) -> None:
    obtain(source, out)
    before, said = site.hits.copy(), []
    obtain(source, out, progress=lambda done, total, what: said.append(what))
    assert site.hits == before
    assert said == [f"{out} is complete already"]


def test_progress_counts_up_to_the_total(source: Source, site: Site, out: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    obtain(source, out, progress=lambda *report: seen.append(report))
    last = {what: (done, total) for done, total, what in seen}
    assert all(done == total > 0 for done, total in last.values())
    assert list(last) == [f"fetching {site.url}/{name}" for name in (FIRST, SECOND)] + [
        "deriving the pictures"
    ]


@pytest.mark.parametrize("moment", [SECOND, "deriving"])
def test_an_interrupted_run_is_taken_up_again(
    source: Source, site: Site, out: Path, moment: str
) -> None:
    def interrupt(done: int, total: int, what: str) -> None:
        if moment in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(source, out, progress=interrupt)
    assert not out.exists()
    assert (out.parent / "out.partial").stat().st_mode & 0o077 == 0
    obtain(source, out)
    assert site.hits[FIRST] == 1
    assert site.hits[SECOND] == (2 if moment == SECOND else 1)
    assert {path.name for path in out.parent.iterdir()} == {"out"}


def test_a_damaged_leftover_is_fetched_again(source: Source, site: Site, out: Path) -> None:
    partial = out.parent / "out.partial"
    partial.mkdir(parents=True)
    (partial / "CT_COVID.zip").write_bytes(site.replies[FIRST].body[:-40])
    obtain(source, out)
    assert site.hits[FIRST] == 1


def test_altered_pictures_are_named_and_counted(
    source: Source, site: Site, out: Path, pictures: dict[str, bytes]
) -> None:
    name = "CT_COVID/wide.png"
    altered = pictures | {name: pictures[name][:-1] + b"!"}
    site.replies[FIRST] = Reply(zipped(altered, "CT_COVID"))
    assert f"1 of its 2 pictures, first {name}" in refusal(source, out)
    site.replies[FIRST] = Reply(zipped(pictures, "CT_COVID"))
    assert obtain(source, out).is_dir()


def test_missing_members_are_named_and_counted(source: Source, site: Site, out: Path) -> None:
    site.replies[FIRST] = Reply(zipped({}, "CT_COVID"))
    assert "2 of its 2 pictures, first CT_COVID/a-p3-89%0.png" in refusal(source, out)


def test_names_that_leave_the_folder_are_never_unpacked(
    source: Source, site: Site, out: Path, tmp_path: Path, pictures: dict[str, bytes]
) -> None:
    evil = {name: b"evil" for name in ("../../evil.png", str(tmp_path / "evil.png"), "evil.png")}
    site.replies[FIRST] = Reply(zipped(pictures, "CT_COVID", **evil))
    obtain(source, out)
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("lying", [False, True], ids=["true size", "lying about its size"])
def test_a_zip_bomb_is_refused(
    source: Source, site: Site, out: Path, pictures: dict[str, bytes], lying: bool
) -> None:
    name, size = "CT_COVID/wide.png", 30_000_000
    bomb = zipped(pictures | {name: bytes(size)}, "CT_COVID")
    if lying:
        known = struct.pack("<I", len(pictures[name]))
        bomb = bomb.replace(struct.pack("<I", size), known)
    site.replies[FIRST] = Reply(bomb)
    assert f"first {name}" in refusal(source, out)


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("HTTP Error 404", Reply(b"", status=404)),
        ("HTTP Error 503", Reply(b"", status=503)),
        ("no readable zip file", Reply(b"<html>Sign in</html>")),
        ("no readable zip file", Reply(b"")),
        ("broke off after 2 of 9000 bytes", Reply(b"PK", headers={"Content-Length": "9000"})),
        ("larger than the 400000000", Reply(b"PK", headers={"Content-Length": "9" * 12})),
        ("timed out", Reply(b"PK", delay_s=1)),
        ("redirected to ftp", Reply(b"", 302, {"Location": "ftp://127.0.0.1/x"})),
        ("not allowed", Reply(b"", 302, {"Location": "file:///etc/hostname"})),
    ],
)
def test_bad_answers_are_refused(
    source: Source, site: Site, out: Path, words: str, reply: Reply
) -> None:
    site.replies[SECOND] = reply
    hasty = Source(**(vars(source) | {"timeout_s": 0.3}))
    message = refusal(hasty, out)
    assert words in message and SECOND in message
    assert {path.name for path in (out.parent / "out.partial").iterdir()} == {"CT_COVID.zip"}


def test_a_transfer_without_an_announced_end_is_cut_at_the_ceiling(
    source: Source, site: Site, out: Path
) -> None:
    site.replies[FIRST] = Reply(bytes(300_000), headers={"Content-Length": ""})
    small = Source(**(vars(source) | {"max_zip_bytes": 200_000}))
    assert "larger than the 200000" in refusal(small, out)


def test_a_folder_of_somebody_else_is_left_alone(source: Source, out: Path) -> None:
    mine = out.parent / "out.partial" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("keep")
    with pytest.raises(DownloadError, match=r"holds mine\.txt"):
        obtain(source, out)
    assert mine.read_text() == "keep" and not out.exists()


@pytest.mark.parametrize("base", ["file:///etc", "ftp://host/x", "host/x", "data:,x", "http://["])
def test_only_web_addresses_are_fetched(source: Source, out: Path, base: str) -> None:
    assert "start it with https://" in refusal(source, out, base=base)


def test_the_address_can_be_set_from_outside(
    source: Source, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_URL", "ftp://environment")
    assert "ftp://environment" in refusal(source, out)
    assert obtain(source, out, base=f"{source.base}/").is_dir()


def test_an_occupied_folder_is_left_alone(source: Source, out: Path, site: Site) -> None:
    out.mkdir(parents=True)
    (out / "mine.txt").touch()
    with pytest.raises(DownloadError, match="is not a finished download"):
        obtain(source, out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert not site.hits


def test_pictures_derived_otherwise_are_counted_not_refused(source: Source, out: Path) -> None:
    known = read_originals(source.table)[1].pixels_sha256
    source.table.write_text(source.table.read_text().replace(known, "0" * 64))
    said: list[str] = []
    obtain(source, out, progress=lambda done, total, what: said.append(what))
    assert said[-1] == "1 of 4 pictures differ from the reference"
    with (out / "images.csv").open(newline="") as stream:
        assert [row["pixels_sha256"] for row in csv.DictReader(stream)][1] == known


def test_unknown_names_are_answered_with_what_is_offered(out: Path) -> None:
    with pytest.raises(DownloadError, match=r'"imagenet" is not offered.*covid-ct'):
        download("imagenet", out)


def test_a_full_disk_is_one_sentence(source: Source, out: Path) -> None:
    out.parent.write_bytes(b"in the way")
    with pytest.raises(DownloadError, match="could not be made"):
        obtain(source, out)


def test_the_shipped_table_is_the_official_data_set() -> None:
    originals = read_originals(COVID_CT.table)
    assert Counter(item.case.split for item in originals) == {"train": 425, "val": 118, "test": 203}
    assert Counter(item.case.label for item in originals) == {"covid": 349, "noncovid": 397}
    assert Counter(item.member.split("/")[0] for item in originals) == {
        Path(name).stem: count for name, count in zip(COVID_CT.zips, (349, 397), strict=True)
    }
    assert len({item.case.file for item in originals}) == len({item.sha256 for item in originals})
    assert {item.member for item in originals if item.masked} == {
        f"CT_NonCOVID/63%{number}.jpg" for number in range(6)
    }


@needs_pictures
def test_the_shipped_table_agrees_with_the_pictures() -> None:
    for item in read_originals(COVID_CT.table):
        with Image.open(REAL / item.case.file) as image:
            assert pixels_sha256(image) == item.pixels_sha256, item.case.file


@needs_pictures
def test_the_shipped_table_agrees_with_their_description() -> None:
    folder = {case.file: case for case in read_folder(REAL).cases}
    with (REAL / "originals.csv").open(encoding="utf-8", newline="") as stream:
        published = {row["file"]: row for row in csv.DictReader(stream)}
    for item in read_originals(COVID_CT.table):
        case, row = folder.pop(item.case.file), published[item.case.file]
        assert (item.case.label, item.case.patient_id, item.case.split, item.case.source) == (
            *(case.label, case.patient_id, case.split, case.source),
        )
        assert (item.bytes, item.sha256) == (int(row["bytes"]), row["sha256"])
        assert item.member.endswith("/" + row["original_name"])
    assert not folder


@needs_pictures
def test_pictures_that_need_no_change_are_left_as_published() -> None:
    """670 of the 746 are not resized and 664 of these not masked: grey as it came."""
    with (REAL / "images.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    kept = [row for row in rows if max(int(row["orig_w"]), int(row["orig_h"])) <= 600]
    unchanged = 0
    for row in kept:
        with Image.open(REAL / row["file"]) as image:
            content = f"{image.width}x{image.height}:".encode() + image.tobytes()
        unchanged += hashlib.md5(content).hexdigest() == row["pixel_md5"]
    assert (len(kept), unchanged) == (670, 664)
