"""An archive: a collection of cases on disk that can be searched by code.

An archive is a folder with the packed codes, the features they came from, a
catalogue and a manifest. Rows are ordered by id, and an id is the start of the
picture's own checksum, so that ties never follow a folder's or a label's order.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval import storage
from retrieval.archives.catalogue import Catalogue, Entry
from retrieval.codes import model as models
from retrieval.codes.hashing import Codes, Features
from retrieval.codes.model import ID_LENGTH, Model
from retrieval.errors import ArchiveError, ModelMismatch
from retrieval.reading.packs import File, Pack, Part
from retrieval.statistics.calibration import Calibration

SCHEMA = 1
MANIFEST = "archive.json"
CODES, FEATURES, CATALOGUE = "codes.npy", "features.npy", "catalogue.sqlite"
CALIBRATION = "calibration.json"
PACK = "pictures.zip"  # 8-bit copies of the pictures that were indexed with the archive
LAYOUT, LAYOUT_OF = "layout.npy", "layout_of"  # a map, and the id of the content that it shows
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "archives"
COPIES = "pictures"  # sub-folder of the copies of pictures that came later
DATA_VARIABLE = "RETRIEVAL_DATA"
DATA = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True, eq=False)
class Archive:
    """An open archive; its arrays are memory-mapped and never written in place.

    calibration : how far to trust its rankings; None if it was never fitted. It stays when
        cases are added or removed, so it may have been fitted on other content.
    points : float32 (n, 2), each case's place on the map; None without a map, or if cases
        were added or removed since it was made.
    pack : copies of its pictures; None if it carries none.
    """

    folder: Path
    name: str
    about: storage.Json
    codes: Codes
    features: Features
    catalogue: Catalogue
    calibration: Calibration | None = None
    points: npt.NDArray[np.float32] | None = None
    pack: Pack | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def id(self) -> str:
        """A digest of the archive's content."""
        return str(self.about["id"])

    @cached_property
    def state(self) -> str:
        """A digest of all that is stored, as a key for caches.

        Two archives of one `id` may differ in what the id leaves out, such as sources and notes.
        """
        return storage.fingerprint(self.about)

    @cached_property
    def model_key(self) -> str:
        """Which model this is built with: a full one and its pruned copy share one id."""
        about = self.about["model"]
        folder = str((self.folder / about["folder"]).resolve()) if about["folder"] else ""
        return storage.fingerprint([about["id"], folder])

    @property
    def dataset(self) -> str:
        """Name of the folder of pictures that was indexed; several archives may share one."""
        return str(self.about["dataset"])

    @property
    def bits(self) -> int:
        """Length of a code."""
        return int(self.codes.shape[1]) * 8

    @property
    def columns(self) -> npt.NDArray[np.intp]:
        """Which of the encoder's features the stored ones are."""
        return np.array(self.about["columns"], dtype=np.intp)

    @property
    def labels(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return tuple(sorted(set(self.catalogue.column("label").tolist())))

    def model(self) -> Model:
        """The model that this archive was built with: the one it names, or a shipped one."""
        about = self.about["model"]
        candidates = [self.folder / about["folder"]] if about["folder"] else []
        candidates += [models.SHIPPED / name for name in models.shipped()]
        for folder in candidates:
            if (folder / models.MANIFEST).is_file():
                found = models.load(folder)
                if found.id == about["id"]:
                    return found
        raise ModelMismatch(
            f"Archive {self.name} needs model {about['name']} ({about['id']}), which is not on "
            "this machine; bring it back, or index the pictures again."
        )

    def require(self, model: Model) -> None:
        """ModelMismatch unless `model` is the one that made these codes."""
        if model.id != self.about["model"]["id"]:
            raise ModelMismatch(
                f"Archive {self.name} was built with model {self.about['model']['name']} "
                f"({self.about['model']['id']}), not with {model.name} ({model.id}); "
                "search it with its own model or index it again."
            )

    def picture(self, entry: Entry) -> File | None:
        """The case's picture on this machine, a file or a part of the archive's pack; or None."""
        if not _stays_inside(entry.file):
            return None
        if self.pack is not None and entry.file in self.pack.names:
            return Part(self.pack, entry.file)
        for root in self.picture_roots():
            path = root / entry.file
            if path.is_file():
                return path
        return None

    def carries(self, picture: File) -> bool:
        """Whether a picture that `picture` gave is a copy in the archive's own folder."""
        return isinstance(picture, Part) or picture.parent == self.folder / COPIES

    def picture_roots(self) -> list[Path]:
        """Folders that may hold the pictures: the archive's own, its source, the data folder."""
        roots = [self.folder / COPIES]
        if self.about["pictures"]:
            roots.append(self.folder / self.about["pictures"])
        roots.append(Path(os.environ.get(DATA_VARIABLE) or DATA) / self.dataset)
        return roots


def _stays_inside(file: str) -> bool:
    """Whether a catalogue's file name stays inside the folder it is relative to."""
    path = PureWindowsPath(file)  # knows both separators and drive letters
    return bool(path.parts) and not path.anchor and ".." not in path.parts


def open_archive(where: str | Path) -> Archive:
    """Open an archive folder, or the shipped archive of that name."""
    folder = Path(where)
    if not folder.exists() and (SHIPPED / str(where)).is_dir():
        folder = SHIPPED / str(where)
    if not folder.is_dir():
        known = ", ".join(shipped()) or "none"
        raise ArchiveError(f"There is no archive {where}; shipped archives: {known}.")
    while True:
        manifest = _manifest_of(folder)
        try:
            return _opened(folder)
        except ArchiveError:
            # After two changes by others the files of the first manifest are deleted: read again.
            if _manifest_of(folder) == manifest:
                raise


def _manifest_of(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        return b""


def _opened(folder: Path) -> Archive:
    about = storage.read_manifest(folder, MANIFEST, SCHEMA, ArchiveError)
    try:
        archive = Archive(
            folder=folder,
            name=about["name"],
            about=about,
            codes=_mapped(storage.data_file(folder, about, CODES)),
            features=_mapped(storage.data_file(folder, about, FEATURES)),
            catalogue=Catalogue(storage.data_file(folder, about, CATALOGUE)),
            calibration=_calibration(folder, about),
            points=_points(folder, about),
            pack=Pack(storage.data_file(folder, about, PACK)) if PACK in about["files"] else None,
        )
        sound = _is_sound(archive)
    except (KeyError, TypeError, ValueError, OSError):
        sound = False
    if not sound:
        raise ArchiveError(f"{folder} is damaged; make or download the archive again.")
    return archive


def _is_sound(archive: Archive) -> bool:
    """Whether the manifest and the arrays describe one and the same archive."""
    about, codes, features = archive.about, archive.codes, archive.features
    return (
        (codes.dtype, features.dtype) == (np.dtype(np.uint8), np.dtype(np.float16))
        and codes.shape == (about["count"], about["bits"] // 8)
        and features.shape == (about["count"], len(archive.columns))
        and (archive.points is None or archive.points.shape == (len(archive), 2))
        and (archive.calibration is None or archive.calibration.bits == archive.bits)
        and all(isinstance(about["model"][key], str) for key in ("id", "name", "folder"))
        and all(
            isinstance(about[key], str) for key in ("id", "name", "modality", "pictures", "dataset")
        )
    )


def shipped() -> list[str]:
    """Names of the archives that come with the project."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{MANIFEST}"))


def is_shipped(folder: Path) -> bool:
    """Whether an archive's folder is one that comes with the project."""
    return folder.resolve().parent == SHIPPED.resolve()


def verify(archive: Archive) -> None:
    """Check files, sizes, order and that the codes follow from the features; or ArchiveError.

    Copies of pictures that were added later must exist; their content is not checked.
    """
    storage.verify(archive.folder, archive.about, ArchiveError)
    entries = archive.catalogue.entries()
    ids = [entry.id for entry in entries]
    sound = (
        len(ids) == len(archive)
        and ids == sorted(ids)
        and np.isfinite(archive.features).all()
        and all(_stays_inside(entry.file) for entry in entries)
        and content_id(archive.codes, entries) == archive.id
    )
    if not sound:
        raise ArchiveError(f"{archive.folder} does not agree with itself; index it again.")
    model = archive.model()
    if not np.array_equal(model.codes(archive.features, None, archive.columns), archive.codes):
        raise ArchiveError(f"The codes in {archive.folder} do not follow from its features.")
    for entry in entries:
        if entry.file == copy_name(entry.sha256) and archive.picture(entry) is None:
            raise ArchiveError(
                f"{archive.folder} lacks the picture of case {entry.id}; bring {entry.file} back "
                f"into its folder {COPIES}, or index the pictures again."
            )


def copy_name(sha256: str) -> str:
    """The file name of the copy that an archive keeps of a picture with this checksum."""
    return f"{sha256[:ID_LENGTH]}.png"


def content_id(codes: Codes, entries: Sequence[Entry]) -> str:
    """The id of an archive that holds these codes and entries, in order of their ids."""
    digest = hashlib.sha256(np.ascontiguousarray(codes).tobytes())
    for entry in entries:
        digest.update(repr((entry.id, entry.label, entry.patient_id, entry.split)).encode())
    return digest.hexdigest()[:ID_LENGTH]


def _points(folder: Path, about: storage.Json) -> npt.NDArray[np.float32] | None:
    if LAYOUT not in about["files"] or about.get(LAYOUT_OF) != about["id"]:
        return None
    return _mapped(storage.data_file(folder, about, LAYOUT))


def _calibration(folder: Path, about: storage.Json) -> Calibration | None:
    if CALIBRATION not in about["files"]:
        return None
    path = storage.data_file(folder, about, CALIBRATION)
    return Calibration.from_json(json.loads(path.read_text(encoding="utf-8")))


def _mapped(path: Path) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return values
