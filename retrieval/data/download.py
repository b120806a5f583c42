"""Public data sets, fetched from their authors, checked, and derived into a folder of pictures.

Names inside a zip file never become file names. Only members that the table of the
data set lists are read, each is checked against its known size and sha256, and only
the derived picture is written. All work happens in a `.partial` folder beside the
result, which is renamed into place as the last step.
"""

import csv
import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn, TypeAlias
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from retrieval.data.covid_ct import derive, pixels_sha256
from retrieval.data.folder import TABLE_NAME, Case, read_folder
from retrieval.errors import DownloadError, RetrievalError

Progress: TypeAlias = Callable[[int, int, str], None]  # done, in all (bytes or files), what

_BLOCK = 1 << 16
# Deflate is the only compression whose reader never returns more than it is asked for.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Source:
    """A public data set: where its zip files lie, and the table of what they hold."""

    name: str
    base: str
    base_variable: str
    zips: tuple[str, ...]
    table: Path
    max_zip_bytes: int = 400_000_000
    timeout_s: float = 30.0


@dataclass(frozen=True)
class Original:
    """One published picture and what is known of the picture derived from it."""

    case: Case
    member: str
    bytes: int
    sha256: str
    masked: bool
    pixels_sha256: str


COVID_CT = Source(
    name="covid-ct",
    base="https://github.com/UCSD-AI4H/COVID-CT/raw/master",
    base_variable="RETRIEVAL_COVID_CT_URL",
    zips=("Images-processed/CT_COVID.zip", "Images-processed/CT_NonCOVID.zip"),
    table=Path(__file__).parents[2] / "assets" / "data" / "covid-ct.csv",
)
SOURCES = (COVID_CT,)


def download(
    name: str, out: Path, *, base: str | None = None, progress: Progress | None = None
) -> Path:
    """Fetch a data set by name into the folder `out`; a finished folder is left as it is."""
    for source in SOURCES:
        if source.name == name:
            return obtain(source, out, base=base, progress=progress)
    raise DownloadError(
        f'"{name}" is not offered for download; choose {" or ".join(s.name for s in SOURCES)}.'
    )


def obtain(
    source: Source, out: Path, *, base: str | None = None, progress: Progress | None = None
) -> Path:
    """Fetch, check and derive one data set, leaving either a finished folder or none."""
    base = _checked_base(base or os.environ.get(source.base_variable) or source.base)
    report = progress or (lambda done, total, what: None)
    target = out.resolve()
    partial = target.with_name(target.name + ".partial")
    _refuse_foreign(source, partial)
    try:
        originals = read_originals(source.table)
        if _is_finished(target, originals):
            report(len(originals), len(originals), f"{out} is complete already")
        else:
            _refuse_occupied(target)
            _obtain_beside(source, base, originals, partial, report).rename(target)
    except OSError as error:
        raise DownloadError(
            f"{out} could not be made ({error}); make room or name another folder."
        ) from error
    shutil.rmtree(partial, ignore_errors=True)
    return out


def read_originals(table: Path) -> tuple[Original, ...]:
    """Read the table of published pictures that ships with the product."""
    with table.open(encoding="utf-8", newline="") as stream:
        return tuple(_original(row) for row in csv.DictReader(stream))


def _original(row: dict[str, str]) -> Original:
    known = {name: row[name] for name in ("file", "label", "patient_id", "split", "doi", "note")}
    return Original(
        case=Case(**known, source=row["source_group"]),
        member=f"{row['folder']}/{row['original_name']}",
        bytes=int(row["bytes"]),
        sha256=row["sha256"],
        masked=row["masked"] == "1",
        pixels_sha256=row["pixels_sha256"],
    )


def _checked_base(base: str) -> str:
    try:
        scheme = urlsplit(base).scheme
    except ValueError:  # such as a bracket that is not closed
        scheme = ""
    if scheme not in ("http", "https"):
        raise DownloadError(f'"{base}" is no address to fetch from; start it with https://.')
    return base.rstrip("/")


def _is_finished(folder: Path, originals: Sequence[Original]) -> bool:
    try:
        cases = read_folder(folder).cases
    except RetrievalError:
        return False
    return {case.file for case in cases} == {original.case.file for original in originals}


def _refuse_occupied(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise DownloadError(
            f"{folder} exists and is not a finished download; name another folder or remove it."
        )


def _refuse_foreign(source: Source, partial: Path) -> None:
    """Refuse a work folder, which is deleted in the end, if it holds any foreign file."""
    names = {PurePosixPath(name).name for name in source.zips}
    own = names | {f"{name}.new" for name in names} | {"ready"}
    others = (
        [path.name for path in partial.iterdir() if path.name not in own]
        if partial.is_dir()
        else []
    )
    if others:
        raise DownloadError(
            f"{partial} is needed for the download but holds {others[0]}; move that elsewhere."
        )


def _obtain_beside(
    source: Source, base: str, originals: Sequence[Original], partial: Path, report: Progress
) -> Path:
    """Return a finished folder inside the partial one."""
    # Only the owner may read it: the zip files still show what the masks hide.
    partial.mkdir(mode=0o700, parents=True, exist_ok=True)
    archives: list[tuple[Path, list[Original]]] = []
    for name in source.zips:
        path = PurePosixPath(name)
        wanted = [original for original in originals if original.member.startswith(f"{path.stem}/")]
        _ensure_zip(source, f"{base}/{name}", partial / path.name, wanted, report)
        archives.append((partial / path.name, wanted))
    ready = partial / "ready"
    shutil.rmtree(ready, ignore_errors=True)
    _derive_folder(archives, ready, report)
    return ready


def _ensure_zip(
    source: Source, url: str, path: Path, wanted: Sequence[Original], report: Progress
) -> None:
    """Fetch a zip file, unless an earlier run has left a valid one here."""
    if path.exists():
        try:
            return _verify_zip(path, wanted, url)
        except DownloadError:
            path.unlink()
    fresh = path.with_name(path.name + ".new")
    try:
        _fetch(source, url, fresh, report)
        _verify_zip(fresh, wanted, url)
    except DownloadError:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(path)


class _NoFtp(request.FTPHandler):
    """Refuses ftp, the only scheme besides http and https that urllib is redirected to."""

    def ftp_open(self, req: request.Request) -> NoReturn:
        raise URLError("redirected to ftp")


def _fetch(source: Source, url: str, path: Path, report: Progress) -> None:
    try:
        with (
            request.build_opener(_NoFtp).open(url, timeout=source.timeout_s) as response,
            path.open("wb") as sink,
        ):
            _copy(response, sink, url, source.max_zip_bytes, report)
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        # A URLError wraps the reason in brackets of its own; an HTTPError's text has the code.
        cause = error if isinstance(error, HTTPError) else getattr(error, "reason", error)
        raise DownloadError(
            f"{url} could not be fetched ({cause}); check the connection and the free space."
        ) from error


def _copy(response: HTTPResponse, sink: BinaryIO, url: str, limit: int, report: Progress) -> None:
    expected, done = response.length or 0, 0
    while block := response.read1(_BLOCK):
        done += len(block)
        if max(done, expected) > limit:
            raise DownloadError(f"{url} is larger than the {limit} bytes allowed; do not trust it.")
        sink.write(block)
        report(done, expected, f"fetching {url}")
    if done < expected:
        raise DownloadError(f"{url} broke off after {done} of {expected} bytes; run it again.")


def _verify_zip(path: Path, wanted: Sequence[Original], origin: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = [item.member for item in wanted if _published(archive, item) is None]
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DownloadError(
            f"{origin} is no readable zip file ({error}); open it in a browser to see what it is."
        ) from error
    if wrong:
        raise DownloadError(
            f"{origin} lacks, or has altered, {len(wrong)} of its {len(wanted)} pictures, "
            f"first {wrong[0]}; run it again or name another address."
        )


def _published(archive: zipfile.ZipFile, original: Original) -> bytes | None:
    """Return the bytes of a member, or None where they are not the published ones."""
    try:
        member = archive.getinfo(original.member)
        if member.file_size != original.bytes or member.compress_type not in _COMPRESSIONS:
            return None
        with archive.open(member) as stream:
            content = stream.read(original.bytes + 1)
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):
        return None
    return content if hashlib.sha256(content).hexdigest() == original.sha256 else None


def _derive_folder(
    archives: Sequence[tuple[Path, Sequence[Original]]], folder: Path, report: Progress
) -> None:
    """Write the derived pictures and, last, their images.csv."""
    digests: dict[Original, str] = {}
    total = sum(item.bytes for _, wanted in archives for item in wanted)
    for path, wanted in archives:
        with zipfile.ZipFile(path) as archive:
            for item in wanted:
                digests[item] = _write_picture(archive, item, folder)
                report(sum(known.bytes for known in digests), total, "deriving the pictures")
    _write_table(folder / TABLE_NAME, digests)
    changed = sum(item.pixels_sha256 != digest for item, digest in digests.items())
    if changed:
        report(total, total, f"{changed} of {len(digests)} pictures differ from the reference")


def _write_picture(archive: zipfile.ZipFile, original: Original, folder: Path) -> str:
    content = _published(archive, original)
    if content is None:
        raise DownloadError(f"{original.member} changed while it was being read; run it again.")
    image = derive(content, masked=original.masked)
    path = folder / original.case.file
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, format="PNG")
    return pixels_sha256(image)


def _write_table(table: Path, digests: dict[Original, str]) -> None:
    rows = [asdict(item.case) | {"pixels_sha256": digest} for item, digest in digests.items()]
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
