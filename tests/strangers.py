"""Pictures that are no chest scan, as a folder: python -m tests.strangers --out FOLDER.

They come with packages of the test environment: photographs of scikit-learn, pictures
of scikit-image, test files of pydicom, and what is drawn here. Nothing is fetched, and
the input check was fitted on none of them. `images.csv` names a group as label, and
as patient the picture that a cut-out comes from, so that figures count sources.
"""

import argparse
import csv
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from retrieval.imaging.regions import SMALLEST
from retrieval.reading import decode

CUTS = 8  # cut-outs of each source, besides the whole
# one name for each distinct picture; not among them: chest scans, and slices cut from a chest
DICOM = {
    "other body part": (
        "693_J2KI", "J2K_pixelrep_mismatch", "JPEG2000", "MR_small", "examples_overlay",
        "examples_palette", "examples_ybr_color", "examples_jpeg2k", "liver_1frame",
    ),
    "test picture": (
        "ExplVR_BigEnd", "GDCMJ2K_TextGBR", "SC_rgb_gdcm_KY", "SC_rgb_jpeg_dcmd", "image_dfl",
    ),
}  # fmt: skip
SKIMAGE = {
    "photograph": (
        "astronaut", "brick", "camera", "chelsea", "clock_motion", "coffee", "coins", "grass",
        "gravel", "hubble_deep_field", "moon", "motorcycle_left", "rocket",
    ),
    "other body part": ("cell", "ihc", "microaneurysms", "phantom", "retina"),
    "test picture": ("chessboard_GRAY", "color", "horse", "logo", "page", "text"),
}  # fmt: skip
SKLEARN = {"photograph": ("china", "flower")}

Named = tuple[str, str, np.ndarray]  # group, source, pixels


def write(out: Path) -> Path:
    """Every source whole and in cut-outs, as PNG, with images.csv."""
    (out / "images").mkdir(parents=True)
    rows = []
    for number, (group, source, pixels) in enumerate(sources()):
        for part, cut in enumerate(cuts(pixels, np.random.default_rng([9, number]))):
            file = f"images/{number:03}-{part}.png"
            Image.fromarray(np.rint(cut * 255).astype(np.uint8)).save(out / file)
            rows.append([file, group, source, "test"])
    with (out / "images.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["file", "label", "patient_id", "split"], *rows])
    return out


def sources() -> Iterator[Named]:
    """Every whole picture that can be decoded."""
    for package, folder, groups in (
        ("sklearn", "datasets/images", SKLEARN),
        ("skimage", "data", SKIMAGE),
        ("pydicom", "data/test_files", DICOM),
    ):
        for group, names in groups.items():
            for name in names:
                yield group, f"{package} {name}", read(package, folder, name)
    yield from drawn()


def read(package: str, folder: str, name: str) -> np.ndarray:
    """One picture of an installed package, float32 (H, W) in [0, 1]."""
    root = Path(str(files(package))) / folder
    return decode.read(next(root.glob(f"{name}.[pjd][npc][gm]"))).pixels


def cuts(pixels: np.ndarray, random: np.random.Generator) -> Iterator[np.ndarray]:
    """The whole, then random parts of 40 to 90 % of each side; flat ones are left out."""
    yield pixels
    for _ in range(CUTS):
        sides = [max(32, round(side * random.uniform(0.4, 0.9))) for side in pixels.shape]
        corner = [random.integers(0, max(1, side - cut + 1))
                  for side, cut in zip(pixels.shape, sides, strict=True)]  # fmt: skip
        cut = pixels[corner[0] : corner[0] + sides[0], corner[1] : corner[1] + sides[1]]
        if min(cut.shape) >= SMALLEST and cut.std() > 0.01:
            yield cut


def drawn() -> Iterator[Named]:
    """Noise, ramps, boards and pages: other code and other sizes than the decoys have."""
    random = np.random.default_rng(1)
    ramp = np.linspace(0, 1, 300, dtype=np.float32)
    for number in range(4):
        white = random.random((240 + 40 * number, 300), dtype=np.float32)
        yield "drawn", f"white noise {number}", white
        coarse = Image.fromarray(random.random((5 + 4 * number, 7 + 4 * number), dtype=np.float32))
        smooth = coarse.resize((320, 280), Image.Resampling.BICUBIC)
        yield "drawn", f"smooth noise {number}", np.clip(np.asarray(smooth), 0, 1)
        yield "drawn", f"ramp {number}", np.rot90(np.tile(ramp, (260, 1)), number).copy()
        squares = np.indices((256, 256)) // (8 * (number + 1))
        yield "drawn", f"board {number}", (squares.sum(axis=0) % 2).astype(np.float32)
        yield "drawn", f"page {number}", page(number)


def page(number: int) -> np.ndarray:
    """A page of words."""
    sheet = Image.new("L", (420, 560), 250)
    pen = ImageDraw.Draw(sheet)
    for line in range(30):
        pen.text(
            (30 + 8 * number, 24 + 17 * line), f"{line} the findings of page {number} " * 2, 20
        )
    return np.asarray(sheet, dtype=np.float32) / 255


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    print(f"Written to {write(parser.parse_args().out)}.")
