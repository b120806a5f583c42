"""Commands that measure an archive, fit how far to trust it, and time the parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retrieval.cli.common import (
    PATH,
    archive_argument,
    bits_option,
    finish,
    json_option,
    progress,
    queries_option,
    require_writable,
    resampled,
    split_option,
)

if TYPE_CHECKING:
    from retrieval.evaluation.curves import Evaluation
    from retrieval.storage import Json


@click.command()
@archive_argument
@queries_option
@split_option()
@click.option(
    "--protocol",
    default="own-patient-out",
    show_default=True,
    help="official (new patients), own-patient-out or paper (in-sample).",
)
@bits_option
@json_option
def evaluate(
    archive: str,
    queries: str,
    split: list[str] | None,
    protocol: str,
    bits: int | None,
    out: Path | None,
) -> None:
    """Measure how well an archive answers labelled queries."""
    from retrieval.evaluation import jobs
    from retrieval.reports import tables

    require_writable(out)
    over = resampled(queries, split)
    result, alike = jobs.evaluate_archive(
        archive, queries, splits=split, protocol=protocol, bits=bits, progress=progress
    )
    similarity = alike.json()
    lines = [*figure_lines(result, over), _similarity(similarity)]
    if result.trust is not None:
        lines.append(tables.trust_line(result.trust.json()))
    finish(out, {**result.json(), "similarity": similarity}, lines)


def figure_lines(result: Evaluation, resampled: str = "patients") -> Iterator[str]:
    """The figures of an evaluation, one line a group; `resampled` is what intervals are over."""
    from retrieval.evaluation.results import reachable
    from retrieval.reports import tables

    yield (
        f"{result.overall.queries} queries against {result.archive_count} cases, "
        f"{result.bits} bits, protocol {result.protocol}; 95 % intervals over {resampled}."
    )
    if result.seen:
        yield f"In-sample: the model was trained on {result.seen} of these queries."
    depths = reachable(result.json(), tables.DEPTHS)
    for name, curves in {"all": result.overall, **result.per_label}.items():
        found = curves.json()
        figures = [f"P@{k} {tables.interval(found['at_k'][str(k)]['precision'])}" for k in depths]
        figures.append(f"mAP {tables.interval(found['map'])}")
        yield f"{name} ({curves.queries}; chance {curves.chance:.3f}): {', '.join(figures)}"


def change_lines(changes: Json) -> Iterator[str]:
    """The effects of changes of the queries' pictures, one line each."""
    from retrieval.reports.tables import interval

    for name, effect in changes.items():
        yield (
            f"{name:14} P@10 {interval(effect['precision_at_10'])}, "
            f"difference {interval(effect['difference'])}, "
            f"share of the first 10 kept {interval(effect['overlap_at_10'])}"
        )


def _similarity(found: Json) -> str:
    """One line for what `similarity` holds."""
    from retrieval.reports.tables import interval

    ties, own, finer = found["ties_at_10"], found["own_patient"], found["subtypes"]
    parts = [
        f"{found['distinct_codes']:.3f} of {found['cases']} codes distinct",
        f"rank 10 cuts a tie for {interval(ties['cut'])} of the queries, "
        f"{ties['beyond']['value']:.1f} tied cases beyond it",
    ]
    if own:
        parts.append(
            f"own patient's other slices among the first 10 {interval(own['recall_at_10'])} "
            f"({own['queries']})"
        )
    if finer:
        parts.append(
            f"P@10 of subtypes {interval(finer['precision_at_10'])} "
            f"({finer['queries']}; chance {finer['chance']:.3f})"
        )
    return f"similarity: {'; '.join(parts)}"


@click.command()
@archive_argument
@click.option("--queries", help="Folder of pictures, or an archive.")
@click.option("--evidence", type=PATH, help="What study crossfit wrote, of the same recipe.")
@split_option("val")
@click.option("--out", type=PATH, help="Write a calibrated copy there instead.")
def calibrate(
    archive: str, queries: str | None, evidence: Path | None, split: list[str], out: Path | None
) -> None:
    """Fit on held-out queries how far an archive's rankings can be trusted."""
    from retrieval.evaluation import calibrating
    from retrieval.reports import tables

    if (queries is None) == (evidence is None):
        raise click.UsageError("Name either --queries or --evidence.")
    made, figures = calibrating.calibrate(
        archive, queries, splits=split, evidence=evidence, out=out, progress=progress("Encoded")
    )
    known = queries is None or resampled(queries, split) == "patients"
    fitted = made.calibration
    assert fitted is not None  # it was stored just now
    people = f"of {fitted.patients} patients" if known else "of unknown patients"
    click.echo(
        f"Archive {made.name} ({made.id}) is calibrated on {figures.queries} queries {people}: "
        f"temperature {fitted.temperature:g}, slope {fitted.slope:.3f}, answered from a chance "
        f"of {fitted.threshold:.3f}."
    )
    click.echo(tables.trust_line(figures.json()))
    if not fitted.informative:
        click.echo(
            "The rankings say no more of a label than its share of the archive; "
            "chances will be those shares, and no query is answered."
        )


@click.command()
@click.argument("what", type=click.Choice(("parts", "page")), default="parts")
@click.option("--scan", type=PATH, metavar="FILE", help="page: the picture that is searched.")
@click.option("--archive", default="", metavar="TITLE", help="page: where, by its title there.")
@click.option("--beside", type=PATH, metavar="CHECKOUT", help="page: compare with it.")
@json_option
def bench(
    what: str, scan: Path | None, archive: str, beside: Path | None, out: Path | None
) -> None:
    """Time the parts against plain implementations, or the pages on the server."""
    from retrieval.cli import bench as timing
    from retrieval.cli import page_bench

    require_writable(out)
    if what == "page":
        rows = page_bench.run(scan, archive, beside)
        lines = [page_bench.sentence(row) for row in rows]
    else:
        rows = timing.run()
        lines = [timing.sentence(row) for row in rows]
    finish(out, {"rows": rows}, lines)
