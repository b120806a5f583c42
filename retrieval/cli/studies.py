"""Commands that measure what stands around a ranking: `__main__` adds them to its own.

Each takes an archive and labelled queries, prints a few lines and, with --json,
writes what it found.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from retrieval.storage import Json

Counter = Callable[[str], Callable[..., None]]


def add_faithfulness(command: argparse.ArgumentParser) -> None:
    """What `faithfulness` takes."""
    command.add_argument("archive", help="archive folder, or a shipped archive's name")
    command.add_argument("--queries", type=Path, required=True, help="folder of pictures")
    command.add_argument("--split", default="val", help="only queries of this split (val)")
    command.add_argument("--pairs", type=int, default=60, help="how many pairs (default 60)")
    command.add_argument("--json", type=Path, metavar="OUT")


def faithfulness(options: argparse.Namespace, progress: Counter) -> Json:
    """Measure whether the maps of evidence tell the truth."""
    from retrieval.archives.archive import open_archive
    from retrieval.data.folder import read_folder
    from retrieval.evaluation.studies import faithfulness as study
    from retrieval.reading.sandbox import Decoder

    archive = open_archive(options.archive)
    folder = read_folder(options.queries).split([options.split])
    with Decoder() as decoder:
        found = study.measure(
            archive,
            archive.model(),
            folder,
            pairs=options.pairs,
            read=decoder.read,
            progress=progress("Pairs"),
        )
    return found.json()


def faithfulness_lines(found: Json) -> list[str]:
    """What `faithfulness` prints."""
    from retrieval.evaluation.results import MAPS
    from retrieval.reports.tables import interval

    lines = [
        f"{found['pairs']} pairs, split {', '.join(found['splits'])}; 95 % intervals over patients."
    ]
    for name, words in MAPS.items():
        for target, moves in (("deletion", "falls"), ("insertion", "rises")):
            for control, orders in (("random", "random"), ("displaced", "the map displaced")):
                beside = found[name][target][control]
                lines.append(
                    f"map {words}: {target} {moves} faster than by {orders} for "
                    f"{interval(beside['faster'])} of the pairs, area gained "
                    f"{interval(beside['area_gained'])}"
                )
    return lines


def add_refinement(command: argparse.ArgumentParser) -> None:
    """What `refinement` takes."""
    command.add_argument("archive", help="archive folder, or a shipped archive's name")
    command.add_argument("--split", default="val", help="its cases of this split ask (val)")
    command.add_argument("--json", type=Path, metavar="OUT")


def refinement(options: argparse.Namespace, progress: Counter) -> Json:
    """Measure what refining by two examples is worth."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import refinement as study

    archive = open_archive(options.archive)
    return study.measure(archive, archive.model(), options.split).json()


def refinement_lines(found: Json) -> list[str]:
    """What `refinement` prints."""
    from retrieval.reports.tables import interval

    seen = found["queries_seen_in_training"]
    lines = [
        f"{found['queries']} queries, split {', '.join(found['splits'])}, the first case with and "
        "the first without the query's label marked, and left out of both rankings.",
        f"P@10 before {interval(found['before'])}, after {interval(found['after'])}, gain "
        f"{interval(found['gain'])}",
    ]
    return [*lines, f"In-sample: the model was trained on {seen} of them."] if seen else lines


def add_regions(command: argparse.ArgumentParser) -> None:
    """What `regions` takes."""
    command.add_argument("archive", help="archive folder, or a shipped archive's name")
    command.add_argument("--queries", type=Path, required=True, help="folder of pictures")
    command.add_argument("--split", default="test", help="only queries of this split (test)")
    command.add_argument(
        "--boxes", type=Path, help="table id,x,y,width,height (default: the one of COVID-CT)"
    )
    command.add_argument("--json", type=Path, metavar="OUT")


def regions(options: argparse.Namespace, progress: Counter) -> Json:
    """Measure queries by region beside queries by whole picture."""
    from retrieval.archives.archive import open_archive
    from retrieval.data.folder import read_folder
    from retrieval.evaluation.studies import region_study as study
    from retrieval.reading.sandbox import Decoder

    boxes = study.read_boxes(options.boxes or study.BOXES)
    archive = open_archive(options.archive)
    folder = read_folder(options.queries).split([options.split])
    with Decoder() as decoder:
        found = study.measure(
            archive,
            archive.model(),
            folder,
            boxes,
            read=decoder.read,
            progress=progress("Read"),
        )
    return found.json()


def regions_lines(found: Json) -> list[str]:
    """What `regions` prints."""
    from retrieval.reports.tables import interval

    return [
        f"{found['queries']} boxed queries against {found['archive']['count']} cases, chance "
        f"{found['chance']:.3f}; 95 % intervals over patients.",
        f"P@10 of whole pictures {interval(found['whole'])}, of regions "
        f"{interval(found['region'])}, difference {interval(found['difference'])}",
    ]


def add_sources(command: argparse.ArgumentParser) -> None:
    """What `sources` takes."""
    command.add_argument("archive", help="archive folder, or a shipped archive's name")
    command.add_argument(
        "--split", default="val", help="its cases of this split ask (val); one not trained on"
    )
    command.add_argument("--json", type=Path, metavar="OUT")


def sources(options: argparse.Namespace, progress: Counter) -> Json:
    """Measure queries by where they come from."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import sources as study

    archive = open_archive(options.archive)
    return study.measure(archive, archive.model(), options.split).json()


def sources_lines(found: Json) -> list[str]:
    """What `sources` prints."""
    from retrieval.reports.tables import sources_table

    return [
        f"Split {found['split']} against {found['archive']['count']} cases; 95 % intervals over "
        "patients.",
        sources_table(found),
    ]


def add_side_by_side(command: argparse.ArgumentParser) -> None:
    """What `side-by-side` takes."""
    command.add_argument("archive", help="archive folder, or a shipped archive's name")
    command.add_argument("other", help="another archive of the same pictures")
    command.add_argument(
        "--protocol",
        default="official",
        help="official (new patients; default), own-patient-out or paper (in-sample)",
    )
    command.add_argument("--json", type=Path, metavar="OUT")


def side_by_side(options: argparse.Namespace, progress: Counter) -> Json:
    """Compare two archives query by query."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import side_by_side as study

    return study.compare(
        open_archive(options.archive),
        open_archive(options.other),
        protocol=options.protocol,
        progress=progress("Ranked"),
    ).json()


def side_by_side_lines(found: Json) -> list[str]:
    """What `side-by-side` prints."""
    from retrieval.reports.tables import difference

    lines = [
        f"{found['queries']} test queries that both archives hold, protocol {found['protocol']}; "
        "95 % intervals over patients."
    ]
    for k, one in found["at_k"].items():
        lines.append(
            f"P@{k} of the first {one['first']:.3f}, of the second {one['second']:.3f}, "
            f"difference {difference(one['difference'])}"
        )
    return lines


def add_tradeoff(command: argparse.ArgumentParser) -> None:
    """What `tradeoff` takes."""
    command.add_argument("archive", help="archive folder, or a shipped archive's name")
    command.add_argument("--split", default="val", help="its cases of this split ask (val)")
    command.add_argument("--bits", type=int, default=64, help="length of the codes (default 64)")
    command.add_argument("--json", type=Path, metavar="OUT")


def tradeoff(options: argparse.Namespace, progress: Counter) -> Json:
    """Measure what learned bits cost in likeness."""
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.studies import tradeoff as study

    archive = open_archive(options.archive)
    return study.measure(archive, archive.model(), options.split, options.bits).json()


def tradeoff_lines(found: Json) -> list[str]:
    """What `tradeoff` prints."""
    from retrieval.reports.asking_tables import tradeoff_table

    seen = found["queries_seen_in_training"]
    lines = [
        f"{found['queries']} queries, split {', '.join(found['splits'])}, codes of "
        f"{found['bits']} bits, chance {found['chance']:.3f}; 95 % intervals over patients.",
        tradeoff_table(found),
    ]
    return [*lines, f"In-sample: the model was trained on {seen} of them."] if seen else lines


def add_booklet(command: argparse.ArgumentParser) -> None:
    """What `booklet` takes."""
    command.add_argument("result", type=Path, help="what evaluate --json wrote")
    command.add_argument("--out", type=Path, required=True, help="PDF to write")
    command.add_argument("--title", default="", help="default: the result's name")
    command.add_argument("--audit", type=Path, help="what audit --json wrote, for its table")
    command.add_argument("--size", default="A4", help="A4 (default) or Letter")
    command.add_argument("--figures", type=Path, help="folder for SVG, PNG, CSV and LaTeX files")
    command.set_defaults(json=None)


def booklet(options: argparse.Namespace, progress: Counter) -> Json:
    """Write the PDF of an evaluation, and its figures one by one."""
    from retrieval import storage
    from retrieval.errors import EvaluationError
    from retrieval.evaluation.results import read_file
    from retrieval.reports import booklet as study
    from retrieval.reports import curves

    result = read_file(options.result)
    changed = read_file(options.audit) if options.audit else None
    storage.require_file(options.out, EvaluationError)
    try:
        pdf = study.report(
            options.title or options.result.stem, result, changed=changed, size=options.size
        )
        files = curves.files_of(result) if options.figures else {}
    except (KeyError, TypeError):
        audit = f", or {options.audit} none of audit" if options.audit else ""
        raise EvaluationError(f"{options.result} is no result of evaluate{audit}.") from None
    storage.replace_bytes(options.out, pdf)
    for name, data in files.items():
        options.figures.mkdir(parents=True, exist_ok=True)
        storage.replace_bytes(options.figures / name, data)
    return {"written": [str(options.out), *(str(options.figures / name) for name in files)]}


def booklet_lines(found: Json) -> list[str]:
    """What `booklet` prints."""
    return found["written"]


def add_layout(command: argparse.ArgumentParser) -> None:
    """What `layout` takes."""
    command.add_argument("archive", type=Path, help="archive folder")
    command.set_defaults(json=None)


def layout(options: argparse.Namespace, progress: Counter) -> Json:
    """Make an archive's map anew, and say how well it keeps neighbours."""
    import numpy as np

    from retrieval.archives.indexing import lay_out
    from retrieval.archives.map import kept

    archive = lay_out(options.archive)
    points = np.asarray(archive.points)
    return {"archive": archive.name, "cases": len(archive), "kept": kept(archive.codes, points)}


def layout_lines(found: Json) -> list[str]:
    """What `layout` prints."""
    return [
        f"Archive {found['archive']}: a map of {found['cases']} cases; of each case's 10 nearest "
        f"on it, {100 * found['kept']:.0f} % are as near by code as its 10 nearest there."
    ]
