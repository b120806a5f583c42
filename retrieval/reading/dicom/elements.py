"""Which elements of a DICOM file are parsed at all, and their values as plain types.

None of them names a patient, but for the one that `patient_of` is asked for; of that one and
of the series' identifier only checksums leave `places`.
"""

from pydicom import Dataset
from pydicom.datadict import dictionary_description, keyword_dict
from pydicom.multival import MultiValue

from retrieval.errors import UnreadableScan

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
BESIDE_PIXELS = (
    "Modality",
    "ImagerPixelSpacing",
    "ImageOrientationPatient",
    "PatientOrientation",
    "ViewPosition",
    "PresentationLUTShape",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
# Group 0028 describes the pixels and no person.
ELEMENTS = [tag for tag in keyword_dict.values() if tag >> 16 == 0x0028]
ELEMENTS += [keyword_dict[keyword] for keyword in (*BESIDE_PIXELS, *PIXELS)]
# What `describe` parses.
PLACING = (
    "Modality",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
)
IDENTIFYING = "PatientID"  # what `patient_of` parses
MODALITIES = {"CT": "CT", "CR": "X-ray", "DX": "X-ray", "RG": "X-ray"}
# What pydicom raises on an element with a value of the wrong type.
MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def whole(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """The integer of an element, or `default` if missing; UnreadableScan without both."""
    try:
        value = dataset.get(keyword)
        return int(default if value is None and default is not None else value)
    except (TypeError, ValueError):
        name = dictionary_description(keyword)
        raise UnreadableScan(
            f"The DICOM header gives no usable {name}; export the file again."
        ) from None


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The numbers of an element; empty if it is missing or empty."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return ()
    return tuple(map(float, value if isinstance(value, MultiValue) else (value,)))


def lenient(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The numbers of an element; empty if it is missing or malformed."""
    try:
        return numbers(dataset, keyword)
    except MALFORMED:
        return ()


def strings(dataset: Dataset, keyword: str) -> list[str]:
    """The texts of an element; empty if it is missing or malformed."""
    try:
        value = dataset.get(keyword) or ()
        return [str(each) for each in ((value,) if isinstance(value, str) else value)]
    except MALFORMED:
        return []


def text(dataset: Dataset, keyword: str) -> str:
    """The text of an element in capitals; empty if it is missing."""
    return str(dataset.get(keyword) or "").strip().upper()
