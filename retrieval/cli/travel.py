"""The command `study travel`: sources that a model was not made for, without training it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from retrieval.cli.common import (
    WORDS,
    finish,
    json_option,
    progress,
    require_writable,
    resampled,
)
from retrieval.cli.evaluating import change_lines, figure_lines
from retrieval.storage import Json

PLACE = "Folder or archive, with :SPLITS if not all but test, such as covid-ct:train,val."


def _axis(_: click.Context, option: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    """OWN=LABEL texts as a mapping."""
    axis: dict[str, str] = {}
    for text in pairs:
        own, sign, label = (part.strip() for part in text.rpartition("="))
        if not (own and sign and label):
            raise click.BadParameter(f"{text!r} is not OWN=LABEL.", param=option)
        if axis.setdefault(own, label) != label:
            raise click.BadParameter(f"{own!r} has two labels.", param=option)
    return axis


@click.command("travel")
@click.argument("model", help="Model folder, or a shipped model's name.")
@click.option(
    "--gallery", "galleries", multiple=True, required=True, metavar="SOURCE",
    help=f"{PLACE} Several make one mixed gallery.",
)  # fmt: skip
@click.option("--queries", required=True, metavar="SOURCE", help=PLACE)
@click.option(
    "--label-map", "axis", multiple=True, callback=_axis, metavar="OWN=LABEL",
    help="A source's own label and the label that it counts as, such as cap=noncovid.",
)  # fmt: skip
@click.option("--changes", type=WORDS, metavar="CHANGES", help="Also under these, as mask-both.")
@click.option(
    "--hospital-out", is_flag=True,
    help="Leave out of the gallery what has the name of the queries' source.",
)  # fmt: skip
@json_option
def travel(
    model: str,
    galleries: tuple[str, ...],
    queries: str,
    axis: dict[str, str],
    changes: list[str] | None,
    hospital_out: bool,
    out: Path | None,
) -> None:
    """Measure a model on other hospitals' slices, without training it again.

    All sources are coded by MODEL. A query is never compared with its own patient.
    """
    from retrieval.evaluation import jobs
    from retrieval.evaluation.studies.travel import Place

    require_writable(out)
    place = Place.named(queries)
    over = resampled(place.where, place.splits)
    found = jobs.measure_travel(
        model,
        galleries,
        queries,
        axis=axis,
        changes=changes,
        hospital_out=hospital_out,
        progress=progress("Encoded"),
    )
    result = found.json()
    lines = [
        *_asked(result),
        *figure_lines(found.evaluation, over),
        *below_chance_line(result),
        *change_lines(result["changes"]),
    ]
    finish(out, result, lines)


def _asked(result: Json) -> Iterator[str]:
    """Which sources were asked, by whom, and what the labels count as."""
    from retrieval.reports.travel_table import against, source

    yield f"{result['model']['name']}: {source(result['asked'])} against {against(result)}."
    moved = [f"{word} as {label}" for word, label in result["axis"].items() if word != label]
    if moved:
        yield f"Labels of the queries count: {', '.join(moved)}."


def below_chance_line(result: Json) -> Iterator[str]:
    """One line if some of the queries' labels are found less often than in a random list."""
    from retrieval.reports.travel_table import below_chance

    words = [word for word, part in result["per_label"].items() if below_chance(part)]
    if words:
        yield f"Found less often than by chance: {', '.join(words)}."
