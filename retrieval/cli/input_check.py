"""The commands of `study input-check`: does a picture look like a chest scan, the right way up?"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retrieval.cli.common import (
    PATH,
    Headed,
    decoder,
    files_argument,
    finish,
    json_option,
    progress,
    require_writable,
    warn,
)
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.trust.input_check_fitting import Source


@click.group("input-check", cls=Headed)
def input_check() -> None:
    """Say whether pictures are chest scans and the right way up; fit or measure what says so."""


def folders_option(name: str, what: str) -> Callable[..., Any]:
    """An option that names folders, one each time it is given."""
    return click.option(
        name, type=PATH, multiple=True, metavar="FOLDER", help=f"{what}; may be given repeatedly."
    )


ct_option = folders_option("--ct", "Folder of CT slices")
xray_option = folders_option("--xray", "Folder of X-rays")


@input_check.command("check")
@files_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def check(files: tuple[Path, ...], as_json: bool) -> int:
    """Say what each picture looks like."""
    from retrieval.trust.input_check import InputCheck

    gate = InputCheck.load()
    unread = 0
    with decoder() as child:
        for path in files:
            try:
                found = gate.check(child.read(path).pixels)
            except RetrievalError as error:  # the others are still to be looked at
                unread += 1
                warn(" ".join(str(error).split()))
                continue
            if as_json:
                click.echo(json.dumps({"file": str(path), **found.json()}))
            else:
                words = [f"{path}: {found.kind or 'neither kind'}.", *found.warnings()]
                click.echo(" ".join(words))
    return 1 if unread else 0


@input_check.command("fit")
@click.option("--out", type=PATH, required=True, help="Folder to write.")
@click.option("--seed", type=int, default=0, show_default=True)
@ct_option
@xray_option
def fit(out: Path, seed: int, ct: Sequence[Path], xray: Sequence[Path]) -> None:
    """Fit on genuine scans of the train and val splits."""
    from retrieval.trust import input_check_fitting

    sources = _sources(ct, xray, ["train", "val"])
    with decoder() as child:
        gate = input_check_fitting.fit(
            sources, out, read=child.read, seed=seed, progress=progress("Seen")
        )
    gate.verify()
    click.echo(
        f"Input check {gate.id}, fitted on {len(gate.fitted_on)} pictures, is in {gate.folder}."
    )


@input_check.command("measure")
@click.option("--gate", type=PATH, help="Folder of the input check; default: the shipped one.")
@click.option(
    "--strangers",
    type=PATH,
    required=True,
    help="Folder of pictures that are no chest scan.",
)
@ct_option
@xray_option
@folders_option("--loose", "Folder of CT slices without a table")
@json_option
def measure(
    gate: Path | None,
    strangers: Path,
    ct: Sequence[Path],
    xray: Sequence[Path],
    loose: Sequence[Path],
    out: Path | None,
) -> None:
    """Measure on test splits, and on pictures of elsewhere."""
    from retrieval.evaluation.studies import input_check as measuring
    from retrieval.reports import tables
    from retrieval.trust import input_check_fitting
    from retrieval.trust.input_check import InputCheck

    require_writable(out)
    checked = InputCheck.load(gate) if gate else InputCheck.load()
    sources = _sources(ct, xray, ["test"])
    sources += [
        input_check_fitting.loose(folder, "CT").at_most(measuring.LOOSE) for folder in loose
    ]
    sources.append(input_check_fitting.labelled(strangers, "", ["test"]))
    with decoder() as child:
        *samples, elsewhere = [
            measuring.sample(
                source, checked, read=child.read, progress=progress(f"Checked {source.name}")
            )
            for source in sources
        ]
    found = measuring.measure(checked, samples, elsewhere)
    finish(out, found, [tables.intake_tables(found)])


def _sources(ct: Sequence[Path], xray: Sequence[Path], splits: list[str]) -> list[Source]:
    from retrieval.trust.input_check_fitting import labelled

    folders = [("CT", folder) for folder in ct] + [("X-ray", folder) for folder in xray]
    return [labelled(folder, kind, splits) for kind, folder in folders]
