"""The built-in sample: a folder of synthetic pictures and its images.csv."""

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.errors import DataError, SettingError

from .ct import draw_ct
from .ct_patient import CtPatient
from .exposure import draw_xray
from .findings import Finding
from .xray import XrayPatient, attenuation

COLUMNS = ("file", "label", "patient_id", "split", "source")
SAMPLE_SEED = 20
_SHARES = (("train", 0.60), ("val", 0.15), ("test", 0.25))

Picture: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True)
class Plan:
    """How one modality is sampled: patients, pictures of each in turn, and what draws them."""

    patients: int
    pictures: tuple[int, ...]
    draw: Callable[[int, int, Finding, int], list[Picture]]


@dataclass(frozen=True)
class Case:
    """One patient of the sample before the pictures are drawn."""

    number: int
    finding: Finding
    split: str
    pictures: int


def ct_pictures(seed: int, number: int, finding: Finding, count: int) -> list[Picture]:
    """`count` neighbouring slices of one patient, each uint8 (288, 288)."""
    patient = CtPatient.draw(seed, number, finding)
    return [draw_ct(patient, index) for index in range(count)]


def xray_pictures(seed: int, number: int, finding: Finding, count: int) -> list[Picture]:
    """`count` exposures of one patient, each uint8 (320, 288)."""
    patient = XrayPatient.draw(seed, number, finding)
    loss = attenuation(patient)
    return [draw_xray(patient, loss, index) for index in range(count)]


PLANS = {
    "ct": Plan(patients=63, pictures=(3, 4, 5), draw=ct_pictures),
    "xray": Plan(patients=99, pictures=(2, 3), draw=xray_pictures),
}


def write_sample(
    folder: Path, modality: str, *, seed: int = SAMPLE_SEED, patients: int | None = None
) -> Path:
    """Write `folder`/images and `folder`/images.csv for "ct" or "xray", whole or not at all."""
    if modality not in PLANS:
        known = " or ".join(sorted(PLANS))
        raise DataError(f"There is no sample of modality {modality!r}; ask for {known}.")
    if seed < 0:
        raise SettingError(f"A seed must be 0 or more, not {seed}.")
    if folder.exists():
        raise DataError(f"The folder {folder} already exists; remove it or name another.")
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    try:
        (part / "images").mkdir(parents=True)
        _fill(part, modality, seed, patients or PLANS[modality].patients)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def plan_cases(modality: str, seed: int, patients: int) -> list[Case]:
    """The patients of the sample: labels and splits dealt evenly, in a random order."""
    rng = np.random.Generator(np.random.PCG64([seed, patients]))
    numbers = rng.permutation(patients)
    findings = list(Finding)
    counts = PLANS[modality].pictures
    cases = []
    for place, number in enumerate(numbers.tolist()):
        turn, which = divmod(place, len(findings))
        size = len(range(which, patients, len(findings)))
        pictures = counts[(turn + which) % len(counts)]
        cases.append(Case(number, findings[which], _split_of(turn, size), pictures))
    return sorted(cases, key=lambda case: case.number)


def _split_of(turn: int, size: int) -> str:
    """The split of patient `turn` of the `size` that share a label."""
    bound = 0.0
    for split, share in _SHARES:
        bound += share
        if turn < round(bound * size):
            return split
    return _SHARES[-1][0]


def _fill(folder: Path, modality: str, seed: int, patients: int) -> None:
    plan, cases = PLANS[modality], plan_cases(modality, seed, patients)
    total = sum(case.pictures for case in cases)
    names = iter(np.random.Generator(np.random.PCG64([seed, 9])).permutation(total).tolist())
    rows = []
    for case in cases:
        patient_id = f"synthetic-{modality}-{case.number:03d}"
        for picture in plan.draw(seed, case.number, case.finding, case.pictures):
            file = f"images/{modality}-{next(names):04d}.png"
            Image.fromarray(picture).save(folder / file)
            rows.append((file, case.finding.value, patient_id, case.split, "synthetic"))
    _write_table(folder / "images.csv", sorted(rows))


def _write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(rows)
