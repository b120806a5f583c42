"""A folder of pictures, read into a table of cases.

A folder is described by its `images.csv` (columns `file` and `label`; where
known `patient_id`, `split`, `subtype`, `source` or `source_group`, `doi` and
`note`; others are ignored) or, without one, by a sub-folder per label.
"""

import contextlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from retrieval.data.table import Row, columns, rows_of
from retrieval.errors import DataError, PatientOverlap
from retrieval.reading.signatures import kind_of

TABLE_NAME = "images.csv"
UNUSED = "unused"
OWN_GROUP = "picture:"  # opens the group of a picture whose patient is not known
SPLITS = ("train", "val", "test")

_SPLIT_WORDS = (*SPLITS, UNUSED)
_REQUIRED = ("file", "label")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm"})


@dataclass(frozen=True)
class Case:
    """One picture of a folder and what is known about it."""

    file: str
    label: str
    patient_id: str  # blank where the patient is not known
    split: str
    subtype: str = ""
    source: str = ""
    doi: str = ""
    note: str = ""


@dataclass(frozen=True)
class Folder:
    """The cases of one folder; those marked `unused` are separate."""

    root: Path
    cases: tuple[Case, ...]
    unused: tuple[Case, ...] = ()

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the distinct labels in alphabetical order."""
        return tuple(sorted({case.label for case in self.cases}))

    def path(self, case: Case) -> Path:
        """Return where the picture of a case lies."""
        return self.root / case.file

    def split(self, names: Sequence[str]) -> "Folder":
        """Keep only the named splits; `unused` cases come back only by that name."""
        for name in names:
            _known_split(name, "the splits asked for")
        pool = (*self.cases, *self.unused)
        kept = tuple(case for case in pool if case.split in names)
        if not kept:
            raise DataError(
                f"{self.root} has no picture in split {' or '.join(names)}; {_splits_of(pool)}."
            )
        return replace(self, cases=kept, unused=())


def read_folder(root: Path) -> Folder:
    """Read the cases of a folder from its images.csv, or from its label sub-folders."""
    if not os.path.isdir(root):
        raise DataError(f"{root} is not a folder; name a folder with pictures.")
    table = _table_of(root)
    cases = _cases_of_table(table) if table else _cases_of_label_folders(root)
    used = tuple(case for case in cases if case.split != UNUSED)
    _refuse_patient_overlap(root, used)
    return Folder(root, used, tuple(case for case in cases if case.split == UNUSED))


def pictures_below(root: Path) -> list[Path]:
    """Every picture below a folder, in order; no table and no label is needed.

    A file without a known suffix counts if its bytes begin like a DICOM file's.
    """
    if not os.path.isdir(root):
        raise DataError(f"{root} is not a folder; name a folder with pictures.")
    files = sorted(
        path
        for path in root.rglob("*")
        if not path.name.startswith(".") and path.is_file() and _is_picture(path)
    )
    if not files:
        raise DataError(f"{root} has no pictures; name a folder with some.")
    return files


def unlabelled_pictures(root: Path) -> list[Path]:
    """Every picture below a folder, for training without labels.

    DataError if the folder, or one below or above it, has a table with splits: training on
    its pictures could use those of a test, or other pictures of the patients of a test.
    """
    files = pictures_below(root)
    written, meant = Path(os.path.abspath(root)), root.resolve()  # these differ for a link
    inside = [_table_of(folder) for folder in (root, *root.rglob("*/"))]
    above = [_table_above(folder) for folder in dict.fromkeys((*written.parents, *meant.parents))]
    for table in (*inside, *above):
        if table is not None and "split" in columns(table):
            raise DataError(
                f"{table} names splits, which pictures without labels have none of; name a folder "
                "of pictures that nothing is ever tested on."
            )
    return files


def _table_above(folder: Path) -> Path | None:
    """The table of a folder above, which the user may not be allowed to list."""
    try:
        return _table_of(folder)
    except DataError:
        table = folder / TABLE_NAME
        return table if os.path.isfile(table) else None


def _table_of(root: Path) -> Path | None:
    """Return the folder's table, matched in any case: nobody would notice a missed table."""
    found = [path for path in _visible(root) if path.name.lower() == TABLE_NAME]
    return found[0] if found else None


def patient_group(patient_id: str, sha256: str) -> str:
    """Return the patient, or a group of this picture alone if the patient is blank.

    The group uses the picture's checksum: two folders may use one name for two pictures.
    """
    return patient_id or f"{OWN_GROUP}{sha256[:16]}"


def names_patient(group: str) -> bool:
    """Whether a group from `patient_group` belongs to a known patient."""
    return not group.startswith(OWN_GROUP)


def known_patient(group: str) -> str | None:
    """The patient whose group this is; None for a picture's own group."""
    return group if names_patient(group) else None


def _cases_of_table(table: Path) -> list[Case]:
    cases = [_case(row, f"line {line} of {table}") for line, row in rows_of(table, _REQUIRED)]
    if not cases:
        raise DataError(f"{table} lists no pictures; add one line per picture.")
    _refuse_duplicates(table, cases)
    _refuse_missing(table, cases)
    return cases


def _case(row: Row, where: str) -> Case:
    file = _relative_file(row.get("file", ""), where)
    label = row.get("label", "")
    if not label:
        raise DataError(f"The label of {file} in {where} is blank; fill it in or drop the line.")
    return Case(
        file=file,
        label=label,
        patient_id=row.get("patient_id", ""),
        split=_known_split(row.get("split", "").lower(), where),
        subtype=row.get("subtype", ""),
        source=row.get("source", "") or row.get("source_group", ""),
        doi="".join(row.get("doi", "").split()),  # a DOI holds no space; some tables do
        note=row.get("note", ""),
    )


def _relative_file(text: str, where: str) -> str:
    """Return the file with "/" separators, refusing whatever could leave the folder."""
    # PureWindowsPath knows both separators and drive letters.
    path = PureWindowsPath(text)
    if not path.parts:
        raise DataError(f"The file name in {where} is blank; fill it in or drop the line.")
    if path.anchor or ".." in path.parts:
        raise DataError(
            f"The file {text} in {where} leads out of the folder; write it relative to the folder."
        )
    return path.as_posix()


def _known_split(word: str, where: str) -> str:
    if word and word not in _SPLIT_WORDS:
        raise DataError(
            f'The split "{word}" in {where} is not known; '
            f"use one of {', '.join(_SPLIT_WORDS)}, or leave it blank."
        )
    return word


def _refuse_duplicates(table: Path, cases: Iterable[Case]) -> None:
    repeated = [file for file, n in Counter(case.file for case in cases).items() if n > 1]
    if repeated:
        raise DataError(
            f"{table} lists {_count(repeated, 'file')} more than once, first {repeated[0]}; "
            "keep one line for each."
        )


def _refuse_missing(table: Path, cases: Iterable[Case]) -> None:
    missing = [case.file for case in cases if not _is_file(table.parent / case.file)]
    if missing:
        raise DataError(
            f"{table} lists {_count(missing, 'file')} that cannot be found, first {missing[0]}; "
            "add the pictures or drop their lines."
        )


def _refuse_patient_overlap(root: Path, cases: Iterable[Case]) -> None:
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for case in cases:
        if case.split and case.patient_id:
            splits[case.patient_id].add(case.split)
    shared = [patient for patient, names in splits.items() if len(names) > 1]
    if shared:
        raise PatientOverlap(
            f"{root} has {_count(shared, 'patient')} in more than one split, first {shared[0]}; "
            "put every picture of a patient in one split."
        )


def _cases_of_label_folders(root: Path) -> list[Case]:
    visible = _visible(root)
    loose = [path.name for path in visible if path.suffix.lower() in SUFFIXES and path.is_file()]
    if loose:
        raise DataError(
            f"{root} holds {_count(loose, 'picture')} without a label, first {loose[0]}; "
            f"put the pictures into one sub-folder per label, or add an {TABLE_NAME} "
            "with the columns file,label."
        )
    cases = [case for path in visible if path.is_dir() for case in _cases_of_label(path)]
    if not cases:
        raise DataError(
            f"{root} has no pictures; put them into one sub-folder per label, "
            f"or add an {TABLE_NAME} with the columns file,label."
        )
    return cases


def _cases_of_label(folder: Path) -> Iterator[Case]:
    """Yield the pictures of one label, refusing deeper folders, whose meaning is unclear."""
    for path in _visible(folder):
        if path.is_dir():
            raise DataError(
                f"The label folder {folder} holds another folder, {path.name}; put its pictures "
                f"directly into the label folder, or add an {TABLE_NAME} above it."
            )
        if _looks_like_picture(path):
            file = f"{folder.name}/{path.name}"
            yield Case(file, folder.name, patient_id="", split="")


def _visible(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        for path in found:
            path.name.encode()  # a name that is not Unicode can be neither stored nor shown
        return found
    except UnicodeEncodeError:
        raise DataError(
            f"{folder} holds a file whose name is not valid Unicode; rename it."
        ) from None
    except OSError as error:
        raise DataError(
            f"{folder} could not be listed ({error}); check who may read it."
        ) from error


def _is_file(path: Path) -> bool:
    # Unlike Path.is_file, this returns False for names that the file system refuses.
    return os.path.isfile(path)


def _is_picture(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES:
        return True
    with contextlib.suppress(OSError), path.open("rb") as file:
        return _looks_like_picture(path) and kind_of(file.read(132)) == "DICOM"
    return False


def _looks_like_picture(path: Path) -> bool:
    if path.name == "DICOMDIR":  # the index of a disc, PS3.10 section 8.6
        return False
    suffix = path.suffix.lower()
    # A DICOM file is often named by its UID, whose last number only looks like an extension.
    return not suffix or suffix in SUFFIXES or suffix[1:].isdigit()


def _splits_of(cases: Iterable[Case]) -> str:
    counts = Counter(case.split or "no split" for case in cases)
    return "it has " + ", ".join(f"{counts[name]} in {name}" for name in sorted(counts))


def _count(items: Sequence[str], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"
