"""Commands that write what people read: tables of a document, model cards, booklets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retrieval.cli.common import PATH, Headed

if TYPE_CHECKING:
    from retrieval.storage import Json


@click.group(cls=Headed)
def document() -> None:
    """Write stored results into documents."""


@document.command("results")
@click.argument("file", type=PATH, help="Document with marks around its tables.")
def results(file: Path) -> None:
    """Put the stored results into a document, between its marks."""
    from retrieval.reports import report

    report.update(file)
    click.echo(f"The results in {file} are up to date.")


@document.command("card")
@click.argument("model", help="Name of a shipped model.")
def card(model: str) -> None:
    """Write the card of a shipped model from its stored evaluations."""
    from retrieval.codes import model as models
    from retrieval.reports import card as cards

    found = models.load(model)
    cards.write(found)
    click.echo(f"The card of model {found.name} is in {found.folder / cards.CARD}.")


@document.command("booklet")
@click.argument("result", type=PATH, help="What evaluate --json wrote.")
@click.option("--out", type=PATH, required=True, help="PDF to write.")
@click.option("--title", default="", help="Default: the result's name.")
@click.option("--audit", type=PATH, help="What study audit --json wrote, for its table.")
@click.option("--size", default="A4", show_default=True, help="A4 or Letter.")
@click.option("--figures", type=PATH, help="Folder for SVG, PNG, CSV and LaTeX files.")
def booklet(
    result: Path, out: Path, title: str, audit: Path | None, size: str, figures: Path | None
) -> None:
    """Write the PDF of an evaluation, and its figures and tables one by one."""
    from retrieval import storage
    from retrieval.errors import EvaluationError
    from retrieval.evaluation.results import read_file

    found = read_file(result)
    changed = read_file(audit) if audit else None
    storage.require_file(out, EvaluationError)
    try:
        pdf, files = _made(found, changed, title or result.stem, size, each=figures is not None)
    except (KeyError, TypeError):
        also = f", or {audit} none of study audit" if audit else ""
        raise EvaluationError(f"{result} is no result of evaluate{also}.") from None
    storage.replace_bytes(out, pdf)
    click.echo(str(out))
    for name, data in files.items():
        place = (figures or out.parent) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        storage.replace_bytes(place, data)
        click.echo(str(place))


def _made(
    result: Json, changed: Json | None, title: str, size: str, *, each: bool
) -> tuple[bytes, dict[str, bytes]]:
    """The PDF of a result, and with `each` also every figure and table by its file name."""
    from retrieval.reports import booklet as booklets
    from retrieval.reports import curves

    pdf = booklets.report(title, result, changed=changed, size=size)
    return pdf, curves.files_of(result) if each else {}
