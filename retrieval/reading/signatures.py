"""The kind of a file by its first bytes, never by its name."""

PICTURE_MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"BM": "BMP",
}


def kind_of(data: bytes) -> str:
    """ "DICOM", "PNG", "JPEG", "TIFF" or "BMP"; "" for a format that is not read here."""
    if data[128:132] == b"DICM":
        return "DICOM"
    return next((kind for magic, kind in PICTURE_MAGIC.items() if data.startswith(magic)), "")


# (offset, magic, what it is, what to do)
FOREIGN: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"%PDF", "a PDF document", "save the picture in it as PNG"),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it and choose one picture"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it and choose one picture"),
    (0, b"7z\xbc\xaf", "a 7z archive", "unpack it and choose one picture"),
    (0, b"Rar!", "a RAR archive", "unpack it and choose one picture"),
    (257, b"ustar", "a tar archive", "unpack it and choose one picture"),
    (344, b"n+1\x00", "a NIfTI volume", "export one slice as DICOM or PNG"),
    (344, b"ni1\x00", "a NIfTI volume", "export one slice as DICOM or PNG"),
    (0, b"GIF8", "a GIF picture", "save it as PNG"),
    (8, b"WEBP", "a WebP picture", "save it as PNG"),
    (4, b"jP  ", "a JPEG 2000 picture outside DICOM", "save it as PNG"),
    (4, b"ftyp", "a HEIC picture or a film", "save one picture as PNG"),
    (0, b"8BPS", "a Photoshop picture", "save it as PNG"),
    (0, b"\x93NUMPY", "a NumPy array", "save it as 16-bit PNG"),
    (0, b"\x7fELF", "a program", "choose a picture"),
    (0, b"MZ", "a program", "choose a picture"),
)
# Group 0002 or 0008, in either byte order, opens a DICOM data set (PS3.10 7.1).
BARE_DICOM = (b"DICM", b"\x02\x00\x00\x00", b"\x08\x00", b"\x00\x08\x00")
MARKUP = ((b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"<", "an XML or SVG file"))


def refusal(data: bytes) -> str:
    """One sentence about a file that is neither DICOM nor a picture format read here."""
    for offset, magic, what, remedy in FOREIGN:
        if data.startswith(magic, offset):
            return f"This is {what}, which is not read here; {remedy}."
    if data.startswith(BARE_DICOM):
        return (
            "This looks like DICOM data without the preamble of a DICOM file, so its encoding "
            "would have to be guessed; export it again as a DICOM file (PS3.10)."
        )
    head = data[:512].lstrip().lower()
    for start, what in MARKUP:
        if head.startswith(start):
            return f"This is {what}, not a picture; choose DICOM, PNG, JPEG, TIFF or BMP."
    if _is_text(data[:512]):
        return "This is a text file, not a picture; choose DICOM, PNG, JPEG, TIFF or BMP."
    return "This is no picture that is known here; choose DICOM, PNG, JPEG, TIFF or BMP."


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) and head.isascii()
