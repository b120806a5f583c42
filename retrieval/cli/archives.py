"""Commands that make, change and check archives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retrieval.cli.common import (
    PATH,
    UNKNOWN_PATIENTS,
    WORDS,
    archive_argument,
    decoder,
    files_argument,
    folder_argument,
    looks,
    progress,
    warn,
)

if TYPE_CHECKING:
    from retrieval.archives.archive import Archive


@click.command()
@folder_argument
@click.option("--model", required=True, help="Model folder, or a shipped model's name.")
@click.option("--out", type=PATH, required=True, help="Archive folder to write.")
@click.option("--split", type=WORDS, metavar="SPLITS", help="Only these, such as train,val.")
@click.option(
    "--pictures",
    default="link",
    show_default=True,
    help="link to them, copy them into the archive, or none.",
)
def index(folder: Path, model: str, out: Path, split: list[str] | None, pictures: str) -> None:
    """Encode a folder of pictures into a new archive."""
    from retrieval.archives import indexing
    from retrieval.codes import model as models
    from retrieval.data.folder import read_folder

    cases = read_folder(folder)
    if split:
        cases = cases.split(split)
    with decoder() as child:
        archive = indexing.index(
            cases,
            models.load(model),
            out,
            pictures=pictures,
            read=child.read,
            progress=progress("Encoded"),
        )
    if not any(case.patient_id for case in cases.cases):
        warn(UNKNOWN_PATIENTS)
    click.echo(_holds(archive))
    if pictures == "link":
        click.echo(
            "Its pictures are linked, so both must move together; --pictures copy keeps copies."
        )


@click.command()
@archive_argument
@files_argument
@click.option("--label", required=True, help="Label of all of them.")
@click.option("--patient", metavar="ID", help="The patient whom all of them show.")
@click.option(
    "--patients",
    "table",
    type=PATH,
    metavar="TABLE",
    help="Table with the columns file,patient_id; the files relative to its folder.",
)
def add(
    archive: str, files: tuple[Path, ...], label: str, patient: str | None, table: Path | None
) -> None:
    """Add pictures to an archive.

    A patient whom neither option names is known by a salted checksum of the PatientID of a DICOM
    file; the id itself is not kept.
    """
    from retrieval.archives import indexing, patients
    from retrieval.archives.archive import open_archive

    if patient is not None and table is not None:
        raise click.UsageError("Name patients with --patient or with --patients, not with both.")
    before = open_archive(archive)
    named = patients.named(files, patient, table)
    with decoder() as child:
        after = indexing.add(
            archive,
            files,
            label,
            patients=named,
            identify=lambda file, salt: child.patient(file.read_bytes(), salt),
            read=child.read,
        )
        looks(((file, child.read(file)) for file in files), after)
    if label.strip() not in before.labels:
        warn(f"{label} is a new label; known before: {', '.join(before.labels)}.")
    warn(_patients_added(before, after))
    click.echo(_holds(after))


def _patients_added(before: Archive, after: Archive) -> str:
    """One sentence on whose pictures were added."""
    from retrieval.data.folder import names_patient

    held = set(before.catalogue.column("id").tolist())
    groups = [entry.patient_id for entry in after.catalogue.entries() if entry.id not in held]
    known = [group for group in groups if names_patient(group)]
    if not known:
        return f"{UNKNOWN_PATIENTS} Name them with --patient or --patients."
    people = len(set(known))
    text = f"{len(known)} of the {len(groups)} new pictures"
    return f"The patient of {text} is known; these are {_count(people, 'patient')}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@click.command()
@archive_argument
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def remove(archive: str, ids: Sequence[str]) -> None:
    """Remove cases from an archive."""
    from retrieval.archives import indexing

    click.echo(_holds(indexing.remove(archive, ids)))


def _holds(archive: Archive) -> str:
    return f"Archive {archive.name} ({archive.id}) holds {len(archive)} cases."


@click.command("map")
@archive_argument
def map_archive(archive: str) -> None:
    """Make the map of an archive anew, after cases came or went."""
    import numpy as np

    from retrieval.archives.indexing import lay_out
    from retrieval.archives.map import kept

    made = lay_out(archive)
    share = kept(made.codes, np.asarray(made.points))
    click.echo(
        f"Archive {made.name}: a map of {len(made)} cases; of each case's 10 nearest "
        f"on it, {100 * share:.0f} % are as near by code as its 10 nearest there."
    )


@click.command()
@click.argument("target", help="Archive or model, by folder or shipped name.")
def verify(target: str) -> None:
    """Check every file of an archive or model against its manifest."""
    from retrieval.cli import verifying

    click.echo(verifying.verify(target))
