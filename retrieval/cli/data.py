"""Commands that fetch or draw pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from retrieval.cli.common import PATH, download_progress

out_option = click.option("--out", type=PATH, required=True, help="Folder to write.")


@click.command()
@click.argument("name", help="Name of the data set.")
@out_option
def download(name: str, out: Path) -> None:
    """Fetch a public data set from its authors and check it."""
    from retrieval.data.download import download as fetch

    made = fetch(name, out, progress=download_progress())
    click.echo(f"{name} is complete in {made}.")


@click.command()
@click.argument("kind", type=click.Choice(["ct", "xray", "series"]))
@out_option
@click.option("--seed", type=int, help="Of everything that is drawn.")
def sample(kind: str, out: Path, seed: int | None) -> None:
    """Draw the built-in synthetic sample (ct, xray) or a DICOM series."""
    from retrieval.data import synthetic

    chosen: dict[str, Any] = {} if seed is None else {"seed": seed}
    if kind == "series":
        synthetic.write_ct_series(out, **chosen)
    else:
        synthetic.write_sample(out, kind, **chosen)
    click.echo(f"Written to {out}.")
