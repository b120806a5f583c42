"""A synthetic chest as a DICOM CT series, the way a scanner would send it."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from retrieval.errors import DataError

from .ct import draw_hounsfield
from .ct_patient import CtPatient
from .findings import Finding
from .scanner import PADDING

INTERCEPT = -1024
_COVERAGE = (0.10, 0.96)
_DISEASED = (0.35, 0.80)


@dataclass(frozen=True)
class SeriesPlan:
    """What the slices of one series have in common: UIDs, heights in mm, pixels."""

    patient: CtPatient
    name: str
    heights: tuple[float, ...]
    pixels: int

    @property
    def spacing(self) -> float:
        """The distance between neighbouring slices in mm."""
        return self.heights[1] - self.heights[0] if len(self.heights) > 1 else 5.0

    def uid(self, *parts: str) -> UID:
        """A UID under pydicom's own root, always the same for the same parts."""
        return generate_uid(entropy_srcs=[self.name, *parts])


def write_ct_series(
    folder: Path,
    *,
    patient: int = 1,
    seed: int = 20,
    finding: str = "ground-glass",
    slices: int = 24,
    pixels: int = 512,
) -> list[Path]:
    """Write a series of axial slices into `folder`, head to feet in the order returned."""
    if finding not in set(Finding):
        raise DataError(f"There is no finding {finding!r}; ask for {' or '.join(Finding)}.")
    drawn = CtPatient.draw(seed, patient, Finding(finding), _DISEASED)
    drawn = replace(drawn, scanner=replace(drawn.scanner, circular=True))
    low, high = (share * drawn.chest.lung_height for share in _COVERAGE)
    heights = tuple(float(z) for z in np.linspace(low, high, slices))
    plan = SeriesPlan(drawn, f"{seed}-{patient}-{finding}-{slices}-{pixels}", heights, pixels)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, z in enumerate(heights):
        stored = stored_values(draw_hounsfield(drawn, z, pixels))
        path = folder / f"{hashlib.sha256(plan.uid(str(index)).encode()).hexdigest()[:16]}.dcm"
        _dataset(plan, index, stored).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def stored_values(hounsfield: NDArray[np.float32]) -> NDArray[np.int16]:
    """HU as a scanner stores them: shifted by the intercept, padding left at -2000."""
    shifted = np.round(hounsfield) - INTERCEPT
    return np.where(hounsfield <= PADDING, PADDING, shifted).astype("<i2")


def _dataset(plan: SeriesPlan, index: int, stored: NDArray[np.int16]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = plan.uid("instance", str(index))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    _identify(dataset, plan)
    _position(dataset, plan, index)
    _picture(dataset, stored)
    return dataset


def _identify(dataset: Dataset, plan: SeriesPlan) -> None:
    """Fill in tags that name a person, each with a text that must never reach a screen."""
    dataset.PatientName = "SYNTHETIC^CASE"
    dataset.PatientID = "SYNTHETIC-0001"
    dataset.PatientBirthDate = "19000101"
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = plan.uid("study")
    dataset.SeriesInstanceUID = plan.uid("series")
    dataset.FrameOfReferenceUID = plan.uid("frame")
    dataset.StudyID = "SYNTHETIC-STUDY"
    dataset.AccessionNumber = "SYNTHETIC-ACC"
    dataset.StudyDate = dataset.SeriesDate = "19000102"
    dataset.StudyTime = "000000"
    dataset.StudyDescription = "SYNTHETIC STUDY DESCRIPTION"
    dataset.SeriesDescription = "SYNTHETIC SERIES DESCRIPTION"
    dataset.InstitutionName = "SYNTHETIC INSTITUTION"
    dataset.ReferringPhysicianName = "SYNTHETIC^REFERRER"
    dataset.Manufacturer = "SYNTHETIC MANUFACTURER"
    dataset.Modality = "CT"
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]


def _position(dataset: Dataset, plan: SeriesPlan, index: int) -> None:
    scanner, z = plan.patient.scanner, plan.heights[index]
    pixel = scanner.field_of_view / plan.pixels
    corner = [centre - scanner.field_of_view / 2 + pixel / 2 for centre in scanner.centre]
    dataset.SeriesNumber = 2
    dataset.InstanceNumber = index + 1
    dataset.PatientPosition = "HFS"
    # Patient coordinates of DICOM grow towards the head, levels of the chest to the feet.
    dataset.ImagePositionPatient = [f"{value:.4f}" for value in (*corner, -z)]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.SliceLocation = f"{-z:.4f}"
    dataset.SliceThickness = f"{plan.spacing:.4f}"
    dataset.PixelSpacing = [f"{pixel:.6f}", f"{pixel:.6f}"]
    dataset.KVP = 120


def _picture(dataset: Dataset, stored: NDArray[np.int16]) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.PixelPaddingValue = int(PADDING)
    dataset.RescaleIntercept = INTERCEPT
    dataset.RescaleSlope = 1
    dataset.RescaleType = "HU"
    # A brain window: a program that trusts the header shows no lung at all.
    dataset.WindowCenter = 40
    dataset.WindowWidth = 80
    dataset.PixelData = stored.tobytes()
