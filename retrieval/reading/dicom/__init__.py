"""Bytes of a DICOM file -> Scan or Place; the only package that reads DICOM (pydicom).

elements (what is parsed) -> frames (stored values) -> rendering (greys and View);
places (millimetres, directions, order of slices).
"""

import io
import logging
import re
import warnings
from dataclasses import replace

from pydicom import Dataset, dcmread, uid

from retrieval.reading import scan, signatures
from retrieval.reading.dicom import frames, places, rendering
from retrieval.reading.dicom.elements import MODALITIES, PLACING, text
from retrieval.reading.scan import Limits, Scan
from retrieval.reading.series import Place

# Screens copied, and ultrasound (PS3.4 B.5)
OFTEN_WRITTEN = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
)
LATERAL_VIEW = "The file says this is a lateral view; the archive holds frontal ones."

# pydicom and its plugins log values of the file they read, names and dates among them.
for _name in ("pydicom", "pylibjpeg", "openjpeg", "jpeg_ls"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


def decode(data: bytes, frame: int | None, limits: Limits) -> Scan:
    """Decode one frame of a DICOM file into a Scan."""
    dataset = frames.parse(data, limits)
    plugin = frames.plugin_for(dataset.file_meta.get("TransferSyntaxUID"))
    header = frames.header_of(dataset, limits)
    frames.check_length(dataset, header, native=not plugin)
    chosen = scan.choose_frame(header.frames, frame)
    with scan.of_frames(header.frames):
        stored, photometric = frames.stored_values(dataset, plugin, chosen)
        frames.lift_macros(dataset, chosen)
        code = text(dataset, "Modality")
        if stored.ndim == 3 or photometric == "PALETTE COLOR":
            pixels, view, notes = rendering.colour(stored, dataset, photometric)
        else:
            pixels, view, notes = rendering.grey_values(stored, dataset, photometric, code)
    modality, spacing = MODALITIES.get(code, ""), places.spacing_of(dataset)
    view = replace(
        view,
        spacing=spacing,
        at_detector=places.at_detector(dataset),
        edges=places.edges_of(dataset),
    )
    lateral = (LATERAL_VIEW,) if modality == "X-ray" and places.is_lateral(dataset) else ()
    notes = (*_modality_note(code), *lateral, *notes, *_burned_in_note(dataset))
    return Scan(pixels, view, "DICOM", modality, header.frames, chosen, spacing, notes)


def describe(data: bytes) -> Place | None:
    """Where a picture stands in its series, by its header alone; None if that cannot be said."""
    if signatures.kind_of(data) != "DICOM":
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # they quote the file
            frames.check_inflated(data, scan.LIMITS)
            dataset = dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=[*PLACING])
            return places.place_of(dataset)
    except Exception:  # one bad file among many is no reason to stop; `decode` says what is wrong
        return None


def _modality_note(code: str) -> tuple[str, ...]:
    if code in MODALITIES:
        return ()
    if not code:
        return ("The file does not say its modality.",)
    if not re.fullmatch("[A-Z]{2,8}", code):
        return ("The file names a modality that is not known here.",)
    return (f"The file says its modality is {code}, which is neither CT nor X-ray.",)


def _burned_in_note(dataset: Dataset) -> tuple[str, ...]:
    said = text(dataset, "BurnedInAnnotation")
    if said == "YES":
        return (scan.BURNED_IN,)
    if said != "NO" and dataset.file_meta.get("MediaStorageSOPClassUID") in OFTEN_WRITTEN:
        return (scan.OFTEN_BURNED_IN,)
    return ()
