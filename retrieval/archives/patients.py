"""Whose pictures are added: as the user says, or by a salted checksum of what a file says.

The salt lies in the archive's manifest, is random and never changes, so that a patient whose
pictures come on two days is one patient, and in another archive somebody else.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from retrieval.data.folder import OWN_GROUP, names_patient
from retrieval.data.table import rows_of
from retrieval.errors import DataError
from retrieval.storage import Json

Identify = Callable[[Path, str], str]  # a file and a salt in hex digits -> a checksum, or ""

SALT = "patient_salt"  # of a manifest
SALT_BYTES = 16
OF_A_FILE = "dicom-"  # opens the id of a patient who is known by a checksum
COLUMNS = ("file", "patient_id")


def named(files: Sequence[Path], patient: str | None, table: Path | None) -> list[str]:
    """The id of each file's patient: one for all, or those of a table; blank for all without both.

    DataError for an id that cannot be one, and for a file that the table does not list.
    """
    if patient is not None:
        return [_checked(patient, "--patient")] * len(files)
    if table is None:
        return [""] * len(files)
    listed = _listed(table)
    missing = [file for file in files if file.resolve() not in listed]
    if missing:
        raise DataError(
            f"{table} does not list {missing[0]}; add a line for it, with a blank patient_id "
            "where the patient is not known."
        )
    return [listed[file.resolve()] for file in files]


def _listed(table: Path) -> dict[Path, str]:
    """The patient of each file of a table; files are relative to the table's folder."""
    found: dict[Path, str] = {}
    for line, row in rows_of(table, COLUMNS):
        file, patient = row.get("file", ""), row.get("patient_id", "")
        place = (table.parent / file).resolve()
        if place in found:
            raise DataError(f"{table} lists {file} more than once; keep one line for it.")
        found[place] = patient and _checked(patient, f"line {line} of {table}")
    return found


def _checked(patient: str, where: str) -> str:
    patient = patient.strip()
    if not patient or not names_patient(patient):
        raise DataError(
            f"The patient id in {where} is blank or starts with {OWN_GROUP}; choose another one."
        )
    return patient


def groups_of(
    about: Json, files: Sequence[Path], patients: Sequence[str], identify: Identify | None
) -> tuple[list[str], Json]:
    """The patient of each file, blank where not known, and the manifest with the salt in use.

    A manifest gets its salt with the first patient who is known by a checksum.
    """
    salt = about.get(SALT) or secrets.token_hex(SALT_BYTES)
    told = list(patients) or [""] * len(files)
    by_file = [
        identify(file, salt) if identify and not patient else ""
        for file, patient in zip(files, told, strict=True)
    ]
    groups = [
        patient or (checksum and OF_A_FILE + checksum)
        for patient, checksum in zip(told, by_file, strict=True)
    ]
    return groups, {**about, SALT: salt} if any(by_file) else about
