"""The commands of `study`: each measures, prints a few lines and, with --json, writes all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from retrieval.cli.common import (
    PATH,
    WORDS,
    Headed,
    archive_argument,
    bits_option,
    decoder,
    finish,
    json_option,
    one_split_option,
    pictures_option,
    progress,
    queries_option,
    require_writable,
    resampled,
    split_option,
)
from retrieval.cli.evaluating import change_lines, figure_lines
from retrieval.cli.input_check import input_check
from retrieval.cli.training import plan, training_options
from retrieval.cli.travel import travel
from retrieval.storage import Json


@click.group(cls=Headed)
def study() -> None:
    """Measure a question of its own, for the tables of the README."""


study.add_command(input_check)
study.add_command(travel)


@study.command("lengths")
@archive_argument
@queries_option
@split_option("val")
@click.option("--protocol", default="official", show_default=True, help="official (new patients).")
@json_option
def lengths(archive: str, queries: str, split: list[str], protocol: str, out: Path | None) -> None:
    """Compare mRMR with random bits and with real values, by length."""
    from retrieval.evaluation import jobs
    from retrieval.reports import tables

    require_writable(out)
    over = resampled(queries, split)
    found = jobs.compare_lengths(
        archive, queries, splits=split, protocol=protocol, progress=progress("Encoded")
    ).json()
    lines = [
        f"Bits chosen on {found['fitted_on']} train pictures out of {found['features']} "
        f"features; {found['draws']} random draws (in brackets their standard deviation); "
        f"95 % intervals over {over}.\n",
        tables.lengths_tables(found),
        "\nP@10 of bits and of the same columns real-valued, and shares of distinct codes:\n",
        tables.floats_table(found, "P@10"),
    ]
    finish(out, found, lines)


@study.command("faithfulness")
@archive_argument
@pictures_option
@one_split_option("val")
@click.option("--pairs", type=int, default=60, show_default=True, help="How many pairs.")
@json_option
def faithfulness(archive: str, queries: Path, split: str, pairs: int, out: Path | None) -> None:
    """Measure whether maps of evidence tell the truth: insertion and deletion."""
    from retrieval.archives.archive import open_archive
    from retrieval.data.folder import read_folder
    from retrieval.evaluation.studies import faithfulness as measuring

    require_writable(out)
    over = resampled(queries, [split])
    opened = open_archive(archive)
    folder = read_folder(queries).split([split])
    with decoder() as child:
        found = measuring.measure(
            opened,
            opened.model(),
            folder,
            pairs=pairs,
            read=child.read,
            progress=progress("Pairs"),
        ).json()
    finish(out, found, _faithfulness_lines(found, over))


def _faithfulness_lines(found: Json, over: str) -> Iterator[str]:
    from retrieval.evaluation.results import MAPS
    from retrieval.reports.tables import interval

    yield (
        f"{found['pairs']} pairs, split {', '.join(found['splits'])}; 95 % intervals over {over}."
    )
    for name, words in MAPS.items():
        for target, moves in (("deletion", "falls"), ("insertion", "rises")):
            for control, orders in (("random", "random"), ("displaced", "the map displaced")):
                beside = found[name][target][control]
                yield (
                    f"map {words}: {target} {moves} faster than by {orders} for "
                    f"{interval(beside['faster'])} of the pairs, area gained "
                    f"{interval(beside['area_gained'])}"
                )


@study.command("refinement")
@archive_argument
@one_split_option("val")
@json_option
def refinement(archive: str, split: str, out: Path | None) -> None:
    """Measure what refining a search by two examples is worth."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import refinement as measuring
    from retrieval.reports.tables import interval

    require_writable(out)
    opened = open_archive(archive)
    found = measuring.measure(opened, opened.model(), split).json()
    lines = [
        f"{found['queries']} queries, split {', '.join(found['splits'])}, the first case with and "
        "the first without the query's label marked, and left out of both rankings.",
        f"P@10 before {interval(found['before'])}, after {interval(found['after'])}, gain "
        f"{interval(found['gain'])}",
        *_in_sample(found),
    ]
    finish(out, found, lines)


def _in_sample(found: Json) -> list[str]:
    seen = found["queries_seen_in_training"]
    return [f"In-sample: the model was trained on {seen} of them."] if seen else []


@study.command("tradeoff")
@archive_argument
@one_split_option("val")
@click.option("--bits", type=int, default=64, show_default=True, help="Length of the codes.")
@json_option
def tradeoff(archive: str, split: str, bits: int, out: Path | None) -> None:
    """Measure likeness against label, from no learned bit to nothing else."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import tradeoff as measuring
    from retrieval.reports.asking_tables import tradeoff_table

    require_writable(out)
    over = resampled(archive, [split])
    opened = open_archive(archive)
    found = measuring.measure(opened, opened.model(), split, bits).json()
    lines = [
        f"{found['queries']} queries, split {', '.join(found['splits'])}, codes of "
        f"{found['bits']} bits, chance {found['chance']:.3f}; 95 % intervals over "
        f"{over}.",
        tradeoff_table(found),
        *_in_sample(found),
    ]
    finish(out, found, lines)


@study.command("sources")
@archive_argument
@one_split_option("val")
@json_option
def sources(archive: str, split: str, out: Path | None) -> None:
    """Measure queries by where they come from, and without their own source.

    Name a split that the model was not trained on.
    """
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import sources as measuring
    from retrieval.reports.tables import sources_table

    require_writable(out)
    over = resampled(archive, [split])
    opened = open_archive(archive)
    found = measuring.measure(opened, opened.model(), split).json()
    lines = [
        f"Split {found['split']} against {found['archive']['count']} cases; 95 % intervals over "
        f"{over}.",
        sources_table(found),
    ]
    finish(out, found, lines)


@study.command("side-by-side")
@archive_argument
@click.argument("other", help="Another archive of the same pictures.")
@click.option(
    "--protocol",
    default="official",
    show_default=True,
    help="official (new patients), own-patient-out or paper (in-sample).",
)
@json_option
def side_by_side(archive: str, other: str, protocol: str, out: Path | None) -> None:
    """Compare two archives of the same pictures, query by query."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import side_by_side as measuring
    from retrieval.reports.tables import difference

    require_writable(out)
    over = resampled(archive, ["test"])
    first, second = open_archive(archive), open_archive(other)
    found = measuring.compare(first, second, protocol=protocol, progress=progress("Ranked")).json()
    lines = [
        f"{found['queries']} test queries that both archives hold, protocol {found['protocol']}; "
        f"95 % intervals over {over}.",
        *(
            f"P@{k} of the first {one['first']:.3f}, of the second {one['second']:.3f}, "
            f"difference {difference(one['difference'])}"
            for k, one in found["at_k"].items()
        ),
    ]
    finish(out, found, lines)


@study.command("regions")
@archive_argument
@pictures_option
@one_split_option("test")
@click.option("--boxes", type=PATH, help="Table id,x,y,width,height; default: the one of COVID-CT.")
@json_option
def regions(archive: str, queries: Path, split: str, boxes: Path | None, out: Path | None) -> None:
    """Measure queries by a boxed region beside queries by the whole picture."""
    from retrieval.archives.archive import open_archive
    from retrieval.data.folder import read_folder
    from retrieval.evaluation.studies import region_study as measuring
    from retrieval.reports.tables import interval

    require_writable(out)
    over = resampled(queries, [split])
    table = measuring.read_boxes(boxes or measuring.BOXES)
    opened = open_archive(archive)
    folder = read_folder(queries).split([split])
    with decoder() as child:
        found = measuring.measure(
            opened, opened.model(), folder, table, read=child.read, progress=progress("Read")
        ).json()
    lines = [
        f"{found['queries']} boxed queries against {found['archive']['count']} cases, chance "
        f"{found['chance']:.3f}; 95 % intervals over {over}.",
        f"P@10 of whole pictures {interval(found['whole'])}, of regions "
        f"{interval(found['region'])}, difference {interval(found['difference'])}",
    ]
    finish(out, found, lines)


@study.command("printed")
@click.argument("archive", help="An archive of COVID-CT.")
@json_option
def printed(archive: str, out: Path | None) -> None:
    """Compare with the means the paper prints, over its own queries."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.results import read_result
    from retrieval.evaluation.studies import printed as measuring
    from retrieval.reports import tables

    require_writable(out)
    opened = open_archive(archive)
    found = measuring.compare(opened, opened.model(), read_result("paper-printed"))
    finish(out, found, [tables.printed_table({opened.name: found})])


@study.command("audit")
@archive_argument
@pictures_option
@split_option()
@click.option(
    "--changes", type=WORDS, metavar="CHANGES", help="Only these, such as mask-text,crop,gamma."
)
@bits_option
@json_option
def audit(
    archive: str,
    queries: Path,
    split: list[str] | None,
    changes: list[str] | None,
    bits: int | None,
    out: Path | None,
) -> None:
    """Measure what changes of the queries' pictures do to the answers."""
    from retrieval.evaluation import jobs

    require_writable(out)
    over = resampled(queries, split)
    found = jobs.audit_archive(
        archive,
        queries,
        splits=split,
        changes=changes,
        bits=bits,
        progress=progress("Encoded"),
    ).json()
    finish(out, found, _audit_lines(found, over))


def _audit_lines(found: Json, over: str) -> Iterator[str]:
    from retrieval.reports.tables import interval

    yield (
        f"{found['queries']} queries against {found['archive']['count']} cases, {found['bits']} "
        f"bits, protocol {found['protocol']}; 95 % intervals over {over}; chance "
        f"{found['chance']:.3f}."
    )
    yield f"{'unchanged':14} P@10 {interval(found['unchanged']['precision_at_10'])}"
    yield from change_lines(found["changes"])


@study.command("crossfit")
@training_options
@click.option("--folds", type=int, default=5, show_default=True)
def crossfit(folder: Path, out: Path, split: list[str] | None, folds: int, **options: Any) -> None:
    """Measure a way to train: each fold of patients by a model that never saw it.

    OUT gets the models of the folds, the figures and the evidence for calibrate.
    """
    from retrieval.training import cross_fitting

    result, _ = cross_fitting.cross_fit(
        folder, out, plan(**options), splits=split, folds=folds, progress=progress
    )
    for line in figure_lines(result):
        click.echo(line)
    click.echo(f"The figures, the evidence for calibrate and the models of the folds are in {out}.")
