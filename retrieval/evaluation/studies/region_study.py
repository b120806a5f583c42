"""What asking with a region does to precision, on pictures whose lesions were boxed by hand."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.from_files import PathReader, Progress, read_one
from retrieval.codes.model import ID_LENGTH, Model
from retrieval.data.folder import Case, Folder
from retrieval.errors import DataError, SearchError
from retrieval.evaluation import cases, protocols
from retrieval.evaluation.ranking import Ranked
from retrieval.imaging.regions import Region
from retrieval.statistics.intervals import DIFFERENCE, SHARE, bootstrap_interval, figure
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

DEPTH = 10
BOXES = Path(__file__).resolve().parents[3] / "assets" / "data" / "covid-ct-regions.csv"


@dataclass(frozen=True, eq=False)
class RegionStudy:
    """P@10 (n,) of the same queries as whole pictures and as regions."""

    archive_id: str
    archive_count: int
    model_id: str
    bits: int
    whole: Floats
    region: Floats
    chance: float
    patients: npt.NDArray[np.str_]

    def json(self) -> Json:
        """As `study regions --json` writes it."""
        columns = np.stack([self.whole, self.region, self.region - self.whole], axis=1)
        bounds = (SHARE, SHARE, DIFFERENCE)
        whole, region, difference = bootstrap_interval(columns, self.patients, bounds).T
        return {
            "protocol": "official",
            "archive": {"id": self.archive_id, "count": self.archive_count},
            "model": {"id": self.model_id},
            "bits": self.bits,
            "queries": len(self.whole),
            "chance": self.chance,
            "whole": figure(whole),
            "region": figure(region),
            "difference": figure(difference),
        }


def read_boxes(path: Path = BOXES) -> dict[str, Region]:
    """Regions by picture id, from a table id,x,y,width,height; DataError if it is none."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        sides = ("x", "y", "width", "height")
        return {row["id"]: Region(*(float(row[side]) for side in sides)) for row in rows}
    except (OSError, KeyError, TypeError, ValueError, SearchError):
        raise DataError(f"{path} is no table of regions: id,x,y,width,height.") from None


def measure(
    archive: Archive,
    model: Model,
    folder: Folder,
    boxes: Mapping[str, Region],
    *,
    read: PathReader,
    progress: Progress | None = None,
) -> RegionStudy:
    """Ask the archive's other splits with each boxed picture, whole and as its region."""
    chosen: list[Case] = []
    features, checksums = [], []
    for done, case in enumerate(folder.cases, start=1):
        scan = read_one(folder.path(case), read)
        box = boxes.get(scan.sha256[:ID_LENGTH])
        if box is not None:
            chosen.append(case)
            checksums.append(scan.sha256)
            features.append(model.encode([scan.pixels, box.crop(scan.pixels, model.margin)]))
        if progress is not None:
            progress(done, len(folder.cases))
    if not chosen:
        raise DataError(f"No picture of {folder.root} has a region in the table.")
    whole, region = (model.codes(side) for side in np.stack(features, axis=1))
    asked = cases.describe(Folder(folder.root, tuple(chosen)), whole, checksums)
    gallery = protocols.gallery_for(archive, model, asked, "official")
    before = Ranked.of(gallery, asked).rankings
    after = Ranked.of(gallery, replace(asked, codes=region)).rankings
    return RegionStudy(
        archive_id=archive.id,
        archive_count=len(gallery),
        model_id=model.id,
        bits=archive.bits,
        whole=before.precision(DEPTH),
        region=after.precision(DEPTH),
        chance=float(before.chance.mean()),
        patients=asked.patients,
    )
