"""Commands that make models."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retrieval.cli.common import PATH, WORDS, folder_argument, progress

if TYPE_CHECKING:
    from retrieval.training.jobs import Plan

SETTINGS = (  # fields of a recipe
    click.option("--seed", type=int, help="Of everything that is drawn (default: 0)."),
    click.option(
        "--epochs", type=int, help="Passes over the pictures (default: paper 24, lite 8)."
    ),
    click.option("--batch", type=int, help="Pictures a step (default: 32)."),
    click.option(
        "--learning-rate",
        type=float,
        help="Highest rate (default: paper 0.0003, lite 0.0002).",
    ),
    click.option(
        "--unchanged",
        type=float,
        help="lite: share of the copies that stay as the picture is (default: 0.3).",
    ),
    click.option(
        "--stretch",
        type=float,
        help="lite: how many times as wide as high a changed crop may be, or as high as wide "
        "(default: 1.18).",
    ),
    click.option(
        "--texture",
        type=float,
        help="lite: share of the copies that get another sharpness and grain (default: 0).",
    ),
    click.option(
        "--distillation-epochs",
        "lessons",
        type=int,
        help="paper: passes before the labels, to learn from ImageNet's network (default: 0).",
    ),
    click.option(
        "--instance",
        type=float,
        help="Weight of a picture's likeness to its changed copy, beside its label (default: "
        "lite 0.3; paper 0, which is the paper's pairs; more is two-fold contrast).",
    ),
    click.option(
        "--mild",
        is_flag=True,
        help="Change the pictures of the paper's network as little as a pretrained one's.",
    ),
    click.option(
        "--free",
        is_flag=True,
        help="The paper's layer 13 with a weight of its own for each position, also in training.",
    ),
)
OPTIONS = (
    folder_argument,
    click.option("--out", type=PATH, required=True, help="Folder to write."),
    click.option(
        "--split", type=WORDS, metavar="SPLITS", help="Splits to fit on (default: train)."
    ),
    click.option(
        "--encoder",
        default="paper",
        show_default=True,
        help="paper, or small; lite or lite-inner (pretrained).",
    ),
    click.option(
        "--bits", type=int, default=64, show_default=True, help="Code length, a multiple of 8."
    ),
    click.option("--criterion", default="MID", show_default=True, help="Of mRMR: MID, MIQ or FCQ."),
    click.option(
        "--modality",
        type=click.Choice(["CT", "X-ray"]),
        default="CT",
        show_default=True,
        help="What the pictures show.",
    ),
    click.option("--start", default="", help="Full model whose weights to begin with."),
    click.option(
        "--unlabelled",
        type=PATH,
        metavar="FOLDER",
        help="More pictures, without labels, for --distillation-epochs.",
    ),
    *SETTINGS,
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments of `train`, which `study crossfit` takes as well."""
    return reduce(lambda made, option: option(made), reversed(OPTIONS), command)


def plan(
    encoder: str,
    bits: int,
    criterion: str,
    modality: str,
    start: str,
    unlabelled: Path | None,
    **settings: Any,
) -> Plan:
    """What model to make; `settings` that were not given stay those of the recipe."""
    from retrieval.training.jobs import Plan

    given = {name: value for name, value in settings.items() if not _is_left_out(value)}
    return Plan(
        encoder_name=encoder,
        modality=modality,
        bits=bits,
        criterion=criterion,
        settings=dict(sorted(given.items())),
        start=start,
        beside=unlabelled,
    )


def _is_left_out(value: float | None) -> bool:
    return value is None or value is False


@click.command()
@training_options
def train(folder: Path, out: Path, split: list[str] | None, **options: Any) -> None:
    """Train a model on a folder of pictures."""
    from retrieval.codes import model
    from retrieval.training import jobs

    made = jobs.train_model(folder, out, plan(**options), splits=split, progress=progress)
    model.verify(made)
    click.echo(f"Model {made.name} ({made.id}), {made.bits} bits, is in {made.folder}.")


@click.command()
@click.argument("model", help="Model folder, or a shipped model's name.")
@click.option("--out", type=PATH, required=True, help="Model folder to write.")
@click.option("--bits", type=int, help="Code length; default: the model's.")
def prune(model: str, out: Path, bits: int | None) -> None:
    """Write a small copy of a model that computes only its code's features."""
    from retrieval.codes import model as models

    made = models.prune(models.load(model), out, bits)
    click.echo(f"Model {made.name} ({made.id}) computes {len(made.columns)} features a scan.")
