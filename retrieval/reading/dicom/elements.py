"""Which elements of a DICOM file are parsed at all, and their values as plain types.

None of them names a patient, but for the one that `patient_of` is asked for; of that one and
of the series' identifier only checksums leave `places`.
"""

from pydicom import Dataset
from pydicom.datadict import DicomDictionary, dictionary_description, tag_for_keyword
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
# Group 0028 describes the pixels, and nobody.
ELEMENTS = [tag for tag in DicomDictionary if tag >> 16 == 0x0028]
ELEMENTS += [tag_for_keyword(keyword) for keyword in (*BESIDE_PIXELS, *PIXELS)]
# What `describe` parses; of the series' identifier only a checksum leaves it.
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
# What pydicom raises on an element whose value is of a wrong kind.
MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def whole(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """The whole number of an element; without `default` it has to be there."""
    try:
        value = dataset.get(keyword)
        return int(default if value is None and default is not None else value)
    except (TypeError, ValueError):
        name = dictionary_description(keyword)
        raise UnreadableScan(
            f"The DICOM header gives no usable {name}; export the file again."
        ) from None


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The numbers of an element, none where it is missing or empty."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return ()
    return tuple(map(float, value if isinstance(value, MultiValue) else (value,)))


def lenient(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The numbers of an element, none where it is malformed too."""
    try:
        return numbers(dataset, keyword)
    except MALFORMED:
        return ()


def strings(dataset: Dataset, keyword: str) -> list[str]:
    """The texts of an element, none where it is missing or malformed."""
    try:
        value = dataset.get(keyword) or ()
        return [str(each) for each in ((value,) if isinstance(value, str) else value)]
    except MALFORMED:
        return []


def text(dataset: Dataset, keyword: str) -> str:
    """The text of an element in capitals, empty where it is missing."""
    return str(dataset.get(keyword) or "").strip().upper()
