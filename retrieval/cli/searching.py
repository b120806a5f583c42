"""Commands that look at single pictures: ask an archive with one, say what each is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retrieval.cli.common import PATH, archive_argument, decoder, files_argument, looks, warn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from retrieval.archives.archive import Archive
    from retrieval.codes.model import Model
    from retrieval.search.hits import Hit
    from retrieval.search.search import RankedArchive
    from retrieval.trust.answer import Answer


@click.command()
@archive_argument
@click.argument("scan", type=PATH, help="DICOM, PNG, JPEG, TIFF or BMP file.")
@click.option("-k", type=int, default=10, show_default=True, help="How many matches.")
@click.option("--without-self", is_flag=True, help="Leave out the same picture.")
@click.option(
    "--region",
    metavar="X,Y,W,H",
    help="Ask with a part of the scan, in shares of its sides.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def search(
    archive: str, scan: Path, k: int, without_self: bool, region: str | None, as_json: bool
) -> None:
    """Rank an archive's cases by their distance from a scan."""
    from retrieval.archives.archive import open_archive
    from retrieval.codes.from_files import read_one
    from retrieval.errors import SearchError
    from retrieval.imaging.regions import Region
    from retrieval.search.search import search as ranked

    if k < 1:
        raise SearchError(f"Cannot show {k} matches; ask for at least 1.")
    area = Region.parsed(region) if region else None
    opened = open_archive(archive)
    with decoder() as child:
        picture = read_one(scan, child.read)
    for warning in picture.warnings:
        warn(f"{scan.name}: {warning}")
    unlike = looks([(scan, picture)], opened)
    model = opened.model()
    features = model.encode([area.crop(picture.pixels, model.margin) if area else picture.pixels])
    # a part is not the picture it was cut from
    ranking = ranked(opened, model.codes(features), "" if area else picture.sha256)
    answer = None if area else _judged(opened, model, features[0], ranking, bool(unlike))
    found = ranking.hits(k, without_self=without_self)
    if as_json:
        shown = found.json() if answer is None else answer.added_to(found.json())
        shown["query"]["warnings"] = [*picture.warnings, *unlike]
        click.echo(json.dumps(shown, indent=1))
        return
    for line in (*map(_line, found.hits), *_trust_lines(answer, of_part=area is not None)):
        click.echo(line)


def _judged(
    archive: Archive,
    model: Model,
    features: npt.NDArray[np.float16],
    ranking: RankedArchive,
    unlike: bool,
) -> Answer | None:
    """How far to trust a ranking; None if the archive has no calibration."""
    from retrieval.trust.answer import judge, withheld
    from retrieval.trust.novelty import NoveltyDetector

    if archive.calibration is None:
        return None
    usual = NoveltyDetector.of(archive, model)
    strange = usual is not None and usual.is_out_of_distribution(features)
    why = withheld(
        archive, model, ranking.distances, ranking.sha256, unlike=unlike, strange=strange
    )
    return judge(archive, ranking.distances, why)


def _line(hit: Hit) -> str:
    """One match in words."""
    from retrieval.data.folder import known_patient

    entry = hit.entry
    note = "  identical picture" if hit.identical else "  tied" if hit.tied else ""
    note += f"  ({entry.note})" if entry.note else ""
    patient = known_patient(entry.patient_id) or "patient unknown"
    return (
        f"{hit.rank:3}  {hit.distance:3} of {hit.bits} bits  {entry.label:14} "
        f"{entry.id}  {patient}  {entry.file}{note}"
    )


def _trust_lines(answer: Answer | None, *, of_part: bool) -> list[str]:
    """The chance of each label, and what limits it; or why no chance is given."""
    if of_part:
        return ["No chance is given for a part of a scan."]
    if answer is None:
        return ["No chance is given: the archive is not calibrated."]
    limits = [answer.why] if answer.why else []
    if answer.chances and not answer.answered and not answer.why:
        limits.append(
            "80 % of the held-out queries were more certain than this; rely on no chance."
        )
    if not answer.current:
        limits.append("The archive changed since its chances were fitted; rely on none of them.")
    if not answer.chances:
        return [" ".join(limits)]
    shares = ", ".join(f"{label} {chance:.2f}" for label, chance in sorted(answer.chances.items()))
    return [f"Chance of the same finding: {shares}.", *([" ".join(limits)] if limits else [])]


@click.command()
@files_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def inspect(files: tuple[Path, ...], as_json: bool) -> int:
    """Say what each file is, or why it cannot be read."""
    sound = True
    with decoder() as child:
        for path in files:
            report = child.inspect(path)
            sound = sound and report["ok"]
            click.echo(json.dumps(report) if as_json else _described(report))
    return 0 if sound else 1


def _described(report: dict[str, Any]) -> str:
    if not report["ok"]:
        return f"{report['file']}: {report['error']}"
    frames = f", {report['frames']} frames" if report["frames"] != 1 else ""
    kind = f", {report['modality']}" if report["modality"] else ""
    text = f"{report['file']}: {report['format']}{kind}, {report['width']} x {report['height']}"
    return " ".join([f"{text}{frames}.", *report["warnings"]])
