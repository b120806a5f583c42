"""A small world for tests: labelled pictures of disks and bars, and an untrained small model."""

import csv

import numpy as np
import torch
from PIL import Image

from retrieval.codes import model as models
from retrieval.encoding.encoder import PaperNetwork, spec_named, to_tensors
from retrieval.reading import decode

LABELS = ("bar", "disk")


def picture(label, seed):
    """A noisy 8-bit picture (72, 96) with one bright disk or bar."""
    random = np.random.default_rng((LABELS.index(label), seed))
    rows, columns = np.mgrid[:72, :96]
    y, x, size = random.integers(20, 52), random.integers(25, 70), random.integers(8, 15)
    inside = (
        (rows - y) ** 2 + (columns - x) ** 2 < size**2
        if label == "disk"
        else (abs(rows - y) < size // 3) & (abs(columns - x) < 2 * size)
    )
    grey = 60 + 120 * inside + random.normal(scale=12, size=rows.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def write_folder(root, *, patients=12, slices=2):
    """A folder of pictures with images.csv: half the patients of each label, in three splits."""
    (root / "images").mkdir(parents=True)
    rows = []
    for patient in range(patients):
        label = LABELS[patient % 2]
        split = ("train", "train", "val", "test")[patient // 2 % 4]
        for slice_ in range(slices):
            file = f"images/{patient:02}-{slice_}.png"
            Image.fromarray(picture(label, 10 * patient + slice_)).save(root / file)
            rows.append([file, label, f"p{patient}", split, "drawn"])
    with (root / "images.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["file", "label", "patient_id", "split", "source"], *rows])
    return root


def untrained_tensors(seed=0):
    """Weights of an untrained small network."""
    torch.manual_seed(seed)
    return to_tensors(PaperNetwork(spec_named("small")))


def build_model(out, folder, *, bits=32, seed=0, tensors=None):
    """A full small model with order and thresholds fitted on the train split of `folder`."""
    train = folder.split(["train"])
    decoded = [decode.read(train.path(case)) for case in train.cases]
    return models.build(
        out,
        tensors or untrained_tensors(seed),
        [scan.pixels for scan in decoded],
        [case.label for case in train.cases],
        encoder_name="small",
        modality="CT",
        bits=bits,
        trained_on=[scan.sha256 for scan in decoded],
    )
