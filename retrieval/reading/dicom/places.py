"""The place of a picture: in millimetres, in the body, and among the slices of its series."""

import hashlib
import hmac
import math
import re

from pydicom import Dataset

from retrieval.reading.dicom.elements import (
    IDENTIFYING,
    MODALITIES,
    lenient,
    strings,
    text,
    whole,
)
from retrieval.reading.series import (
    Axes,
    Edges,
    Place,
    along_normal,
    axes,
    edges_of_axes,
    edges_of_letters,
)

LATERAL = re.compile("LL|RL|((LEFT|RIGHT|L|R)[ _]?)?LAT(ERAL)?")


def place_of(dataset: Dataset) -> Place | None:
    """The place of a picture among others; None if its header names no series or no size."""
    series = text(dataset, "SeriesInstanceUID")
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    if not series or min(rows, columns) < 1:
        return None
    axes = _axes(dataset)
    # Letters, because scanners write one direction with different last digits in each slice.
    turned = None if axes is None else edges_of_axes(axes)
    token = hashlib.sha256(f"{series} {turned} {rows} {columns}".encode()).hexdigest()[:16]
    modality = MODALITIES.get(text(dataset, "Modality"), "")
    return Place(token, _position(dataset, axes), _number(dataset), modality, rows, columns)


def patient_token(dataset: Dataset, salt: bytes) -> str:
    """16 hex digits, the same for one patient and one salt; "" where no patient is named.

    Without the salt nobody can try out which id gives them.
    """
    named = text(dataset, IDENTIFYING)
    return hmac.new(salt, named.encode(), hashlib.sha256).hexdigest()[:16] if named else ""


def _position(dataset: Dataset, axes: Axes | None) -> float | None:
    corner = lenient(dataset, "ImagePositionPatient")
    return None if axes is None else along_normal(axes, corner)


def _number(dataset: Dataset) -> int | None:
    numbers = lenient(dataset, "InstanceNumber")
    return int(numbers[0]) if numbers and math.isfinite(numbers[0]) else None


def spacing_of(dataset: Dataset) -> tuple[float, float] | None:
    """Millimetres between rows and between columns (PS3.3 10.7.1.3), None where not given."""
    return _gaps(dataset, "PixelSpacing") or _gaps(dataset, "ImagerPixelSpacing")


def _gaps(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    spacing = lenient(dataset, keyword)
    if len(spacing) != 2 or not all(0 < gap < math.inf for gap in spacing):
        return None
    rows, columns = spacing
    return rows, columns


def at_detector(dataset: Dataset) -> bool:
    """Whether the spacing is that of the detector, not corrected for it (PS3.3 10.7.1.1)."""
    detector = _gaps(dataset, "ImagerPixelSpacing")
    return detector is not None and detector == spacing_of(dataset)


def _axes(dataset: Dataset) -> Axes | None:
    return axes(lenient(dataset, "ImageOrientationPatient"))


def edges_of(dataset: Dataset) -> Edges | None:
    """What lies at each edge: by a slice's axes (PS3.3 C.7.6.2.1.1), else C.7.6.1.1.1."""
    axes = _axes(dataset)
    if axes is not None:
        return edges_of_axes(axes)
    return edges_of_letters(strings(dataset, "PatientOrientation"))


def is_lateral(dataset: Dataset) -> bool:
    """Whether an X-ray is lateral by its ViewPosition (PS3.3 C.8.11.5), else by its edges."""
    position = text(dataset, "ViewPosition")
    if position:
        return LATERAL.fullmatch(position) is not None
    edges = edges_of(dataset)
    return edges is not None and {"A", "P"} == set(edges[:2]) and {"H", "F"} == set(edges[2:])
