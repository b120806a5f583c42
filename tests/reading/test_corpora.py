"""Every file of two public collections: read, or refused with the sentence of this table.

The collections are those installed with pydicom and with pydicom-data; their
folders are read here, for pydicom's own functions would ask the network.
"""

import functools
import hashlib
from pathlib import Path

import data_store
import pydicom
import pytest
from pydicom import uid

from retrieval.errors import ScanError
from retrieval.reading import decode
from retrieval.reading.scan import Scan
from tests.reading.test_dicom import is_a_sentence

COLLECTIONS = {
    "pydicom": Path(pydicom.__file__).parent / "data",
    "pydicom-data": Path(data_store.__file__).parent / "data",
}
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
NO_PICTURE = "This DICOM file holds no picture (a report, a plan, a header alone, or cut short)"
NO_PREAMBLE = "This looks like DICOM data without the preamble of a DICOM file"
TEXT = "This is a text file, not a picture"
UNKNOWN = "This is no picture that is known here"
DISC = "This is a DICOMDIR, the index of a disc"
EXTENDED = "The DICOM picture is compressed with JPEG Extended at more than 8 bits"
HEADERS = "test_files/dicomdirtests/TINY_ALPHA/PT000000/ST000000/SE000000/"

# How the sentence starts that refuses a file; all others are read.
REFUSED = {
    "pydicom": {
        "charset_files/FileInfo.txt": TEXT,
        "charset_files/chrJapMulti.dcm": NO_PICTURE,
        "charset_files/chrJapMultiExplicitIR6.dcm": NO_PICTURE,
        "charset_files/chrKoreanMulti.dcm": NO_PICTURE,
        "charset_files/chrSQEncoding.dcm": NO_PICTURE,
        "charset_files/chrSQEncoding1.dcm": NO_PICTURE,
        "hashes.json": TEXT,
        "palettes/README.md": TEXT,
        "palettes/fall.dcm": NO_PICTURE,
        "palettes/hotiron.dcm": NO_PICTURE,
        "palettes/hotmetalblue.dcm": NO_PICTURE,
        "palettes/pet.dcm": NO_PICTURE,
        "palettes/pet20step.dcm": NO_PICTURE,
        "palettes/spring.dcm": NO_PICTURE,
        "palettes/summer.dcm": NO_PICTURE,
        "palettes/winter.dcm": NO_PICTURE,
        "test_files/ExplVR_BigEndNoMeta.dcm": NO_PREAMBLE,
        "test_files/ExplVR_LitEndNoMeta.dcm": NO_PREAMBLE,
        "test_files/JPEG-lossy.dcm": EXTENDED,
        "test_files/JPEG2000-embedded-sequence-delimiter.dcm": (
            "The picture in the DICOM file (JPEG 2000 Image Compression) is damaged"
        ),
        "test_files/JPGExtended.dcm": EXTENDED,
        "test_files/MR_truncated.dcm": "The DICOM file is cut short: 8,130 of 8,192 bytes",
        "test_files/README.txt": TEXT,
        "test_files/UN_sequence.dcm": NO_PICTURE,
        "test_files/badVR.dcm": "The DICOM header gives no usable Number of Frames",
        "test_files/crayons.icc": UNKNOWN,
        "test_files/dicomdirtests/DICOMDIR": DISC,
        "test_files/dicomdirtests/DICOMDIR-bigEnd": DISC,
        "test_files/dicomdirtests/DICOMDIR-empty.dcm": DISC,
        "test_files/dicomdirtests/DICOMDIR-implicit": DISC,
        "test_files/dicomdirtests/DICOMDIR-nooffset": DISC,
        "test_files/dicomdirtests/DICOMDIR-nopatient": DISC,
        "test_files/dicomdirtests/DICOMDIR-reordered": DISC,
        "test_files/dicomdirtests/README.txt": TEXT,
        "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR": DISC,
        "test_files/dicomdirtests/TINY_ALPHA/README": TEXT,
        "test_files/empty_charset_LEI.dcm": NO_PICTURE,
        "test_files/meta_missing_tsyntax.dcm": (
            "The DICOM header does not say how its picture is encoded (no transfer syntax)"
        ),
        "test_files/nested_priv_SQ.dcm": "The DICOM header gives no usable Bits Allocated",
        "test_files/no_meta.dcm": UNKNOWN,
        "test_files/no_meta_group_length.dcm": NO_PICTURE,
        "test_files/priv_SQ.dcm": NO_PICTURE,
        "test_files/reportsi.dcm": NO_PICTURE,
        "test_files/reportsi_with_empty_number_tags.dcm": NO_PICTURE,
        "test_files/rtplan.dcm": NO_PICTURE,
        "test_files/rtplan.dump": TEXT,
        "test_files/rtplan_truncated.dcm": NO_PICTURE,
        "test_files/rtstruct.dcm": NO_PREAMBLE,
        "test_files/rtstruct.dump": TEXT,
        "test_files/test-SR.dcm": NO_PICTURE,
        "test_files/test1.json": TEXT,
        "test_files/test_PN.json": TEXT,
        "test_files/waveform_ecg.dcm": NO_PICTURE,
        "test_files/zipMR.gz": "This is a gzip archive, which is not read here",
        "urls.json": TEXT,
    },
    "pydicom-data": {
        "OT-PAL-8-face.dcm": NO_PREAMBLE,
        "emri_small_jpeg_2k_lossless_too_short.dcm": NO_PICTURE,
    },
}
# (files, of them with pixels, of these read)
COUNTS = {"pydicom": (205, 107, 100), "pydicom-data": (68, 66, 66)}
LOSSLESS = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.RLELossless,
)

pytestmark = pytest.mark.filterwarnings("ignore")


@functools.cache
def outcomes(collection: str) -> dict[str, Scan | ScanError]:
    folder, found = COLLECTIONS[collection], {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            try:
                found[str(path.relative_to(folder))] = decode.decode(path.read_bytes())
            except ScanError as error:
                found[str(path.relative_to(folder))] = error
    return found


def refused(collection: str) -> dict[str, str]:
    results = outcomes(collection).items()
    return {name: str(error) for name, error in results if isinstance(error, ScanError)}


@functools.cache
def header(collection: str, name: str) -> pydicom.Dataset:
    try:
        return pydicom.dcmread(COLLECTIONS[collection] / name)
    except pydicom.errors.InvalidDicomError:
        return pydicom.dataset.FileDataset("", {}, file_meta=pydicom.dataset.FileMetaDataset())


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_file_is_read_or_refused_as_the_table_says(collection: str) -> None:
    said = refused(collection)
    headers = {name: said.pop(name) for name in list(said) if name.startswith(HEADERS)}
    assert len(headers) == (50 if collection == "pydicom" else 0)
    assert all(sentence.startswith(NO_PICTURE) for sentence in headers.values())
    assert said.keys() == REFUSED[collection].keys()
    for name, start in REFUSED[collection].items():
        assert said[name].startswith(start), name


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_refusal_is_one_sentence_without_the_name_of_the_file(collection: str) -> None:
    for name, sentence in refused(collection).items():
        assert is_a_sentence(sentence)
        assert Path(name).name not in sentence or sentence.startswith(DISC)


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_how_many_of_the_files_with_pixels_are_read(collection: str) -> None:
    results = outcomes(collection)
    pictures = {
        name for name in results if any(keyword in header(collection, name) for keyword in PIXELS)
    }
    read = {name for name, result in results.items() if isinstance(result, Scan)}
    assert read <= pictures
    assert (len(results), len(pictures), len(read)) == COUNTS[collection]


def test_of_the_95_pictures_among_pydicoms_own_test_files_88_are_read() -> None:
    names = [name for name in outcomes("pydicom") if name.startswith("test_files/")]
    read = [name for name in names if isinstance(outcomes("pydicom")[name], Scan)]
    assert (len(names), len(read)) == (176, 88)


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_whatever_is_read_can_be_seen(collection: str) -> None:
    for name, scan in outcomes(collection).items():
        if isinstance(scan, Scan):
            assert scan.view.values.min() < scan.view.values.max(), name
            assert scan.view.windows[0].width > 0
            assert scan.view.values.shape == scan.pixels.shape or scan.view.shrunk > 1


@pytest.mark.parametrize(
    ("collection", "digest"),
    [("pydicom", "b2c86b194efaff9b"), ("pydicom-data", "d698f0e022e5ad0a")],
)
def test_the_pixels_that_codes_are_made_of_have_not_changed(collection: str, digest: str) -> None:
    """Of lossless pictures; these are the checksums that archives hold."""
    lines = []
    for name, scan in outcomes(collection).items():
        if isinstance(scan, Scan) and "OBXXXX1A_expb" not in name:
            meta = header(collection, name).file_meta
            if meta.get("TransferSyntaxUID") in LOSSLESS:
                lines.append(f"{name} {scan.sha256}\n")
    assert hashlib.sha256("".join(lines).encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("frames", ["", "_2frame"])
def test_a_palette_in_either_byte_order_is_one_scan(frames: str) -> None:
    little, big = (f"OBXXXX1A{order}{frames}.dcm" for order in ("", "_expb"))
    results = outcomes("pydicom-data")
    assert results[little].sha256 == results[big].sha256
