"""The command line: python -m retrieval COMMAND.

Exit 0; 1 with one sentence on stderr for anything the user can mend; 2 for
wrong usage. Each command imports what it needs, so that --help is instant.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.cli import studies as studies
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.archives.archive import Archive
    from retrieval.evaluation.curves import Evaluation
    from retrieval.reading.scan import Scan

TRAINING_SETTINGS = {  # fields of a recipe -> how the command line takes them
    "seed": {"type": int, "help": "of everything that is drawn (default: 0)"},
    "epochs": {"type": int, "help": "passes over the pictures (default: paper 24, lite 8)"},
    "batch": {"type": int, "help": "pictures a step (default: 32)"},
    "learning_rate": {"type": float, "help": "(default: paper 0.0003, lite 0.0002)"},
    "unchanged": {
        "type": float,
        "help": "lite: share of the copies that stay as the picture is (default: 0.3)",
    },
    "stretch": {
        "type": float,
        "help": "lite: how many times as wide as high a changed crop may be, or as high as wide "
        "(default: 1.18)",
    },
    "texture": {
        "type": float,
        "help": "lite: share of the copies that get another sharpness and grain (default: 0)",
    },
    "lessons": {
        "type": int,
        "help": "paper: passes before the labels, to learn from ImageNet's network (default: 0)",
    },
    "instance": {
        "type": float,
        "help": "weight of a picture's likeness to its changed copy, beside its label (default: "
        "lite 0.3; paper 0, which is the paper's pairs; more is two-fold contrast)",
    },
    "mild": {
        "action": "store_true",
        "help": "change the pictures of the paper's network as little as a pretrained one's",
    },
    "free": {
        "action": "store_true",
        "help": "the paper's layer 13 with a weight of its own for each position, also in training",
    },
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    # One thread: a second one waits for a busy neighbour longer than it ever saves.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # names may hold what a terminal cannot
        return options.run(options) or 0
    except RetrievalError as error:
        print(" ".join(str(error).split()), file=sys.stderr)  # a file's name may hold a line break
    except ModuleNotFoundError as error:
        print(f"The package {error.name} is missing; use the environment of the README, "
              "such as .venv/bin/python.", file=sys.stderr)  # fmt: skip
    except BrokenPipeError:
        sys.stderr.close()
    except KeyboardInterrupt:
        print(
            "Stopped; nothing unfinished is in use, run the same command to go on.", file=sys.stderr
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"{where}{error.strerror or error}; check the place and its free space.",
            file=sys.stderr,
        )
    return 1


class _Version(argparse.Action):
    """Prints the code's id, which results carry, and ends; it is computed for nothing else."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from retrieval.evaluation.results import code_id

        print(f"code {code_id()}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m retrieval", description=__doc__.split("\n")[0])
    parser.add_argument("--version", action=_Version, nargs=0, help="print which code this is")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run: Callable[[argparse.Namespace], int | None], text: str):
        added = commands.add_parser(run.__name__.strip("_"), help=text, description=text)
        added.set_defaults(run=run)
        return added

    train = command(_train, "Train a model on a folder of pictures.")
    _add_training(train, "model folder to write")

    crossfit = command(
        _crossfit, "Measure a way to train: each fold of patients by a model that never saw it."
    )
    _add_training(crossfit, "folder for the models of the folds, the figures and the evidence")
    crossfit.add_argument("--folds", type=int, default=5)

    prune = command(_prune, "Write a small copy of a model that computes only its code's features.")
    prune.add_argument("model")
    prune.add_argument("--out", type=Path, required=True)
    prune.add_argument("--bits", type=int)

    index = command(_index, "Encode a folder of pictures into a new archive.")
    index.add_argument("folder", type=Path, help="with images.csv, or one sub-folder a label")
    index.add_argument("--model", required=True, help="model folder, or a shipped model's name")
    index.add_argument("--out", type=Path, required=True)
    index.add_argument("--split", type=_words, help="only these splits, such as train,val")
    index.add_argument(
        "--pictures", default="link", help="link to them, copy them into the archive, or none"
    )

    add = command(_add, "Add pictures to an archive.")
    add.add_argument("archive")
    add.add_argument("files", type=Path, nargs="+", metavar="FILE")
    add.add_argument("--label", required=True)

    remove = command(_remove, "Remove cases from an archive.")
    remove.add_argument("archive")
    remove.add_argument("ids", nargs="+", metavar="ID")

    search = command(_search, "Rank an archive's cases by their distance from a scan.")
    search.add_argument("archive", help="archive folder, or a shipped archive's name")
    search.add_argument("scan", type=Path, help="DICOM, PNG, JPEG, TIFF or BMP file")
    search.add_argument("-k", type=int, default=10, help="how many matches (default 10)")
    search.add_argument("--without-self", action="store_true", help="leave out the same picture")
    search.add_argument(
        "--region", metavar="X,Y,W,H", help="ask with a part of the scan, in shares of its sides"
    )
    search.add_argument("--json", action="store_true")

    inspect = command(_inspect, "Say what each file is, or why it cannot be read.")
    inspect.add_argument("files", type=Path, nargs="+", metavar="FILE")
    inspect.add_argument("--json", action="store_true")

    evaluate = command(_evaluate, "Measure how well an archive answers labelled queries.")
    evaluate.add_argument("archive", help="archive folder, or a shipped archive's name")
    evaluate.add_argument("--queries", required=True, help="folder of pictures, or an archive")
    evaluate.add_argument("--split", type=_words, help="only queries of these splits")
    evaluate.add_argument(
        "--protocol",
        default="own-patient-out",
        help="official (new patients), own-patient-out (default) or paper (in-sample)",
    )
    evaluate.add_argument("--bits", type=int, help="code length; default: the model's")
    evaluate.add_argument("--json", type=Path, metavar="OUT")

    lengths = command(_lengths, "Compare mRMR with random bits and with real values, by length.")
    lengths.add_argument("archive", help="archive folder, or a shipped archive's name")
    lengths.add_argument("--queries", required=True, help="folder of pictures, or an archive")
    lengths.add_argument(
        "--split", type=_words, default=["val"], help="only queries of these splits (default val)"
    )
    lengths.add_argument("--protocol", default="official", help="official (new patients)")
    lengths.add_argument("--json", type=Path, metavar="OUT")

    commands_of_their_own = {
        "faithfulness": "Measure whether maps of evidence tell the truth: insertion and deletion.",
        "refinement": "Measure what refining a search by two examples is worth.",
        "tradeoff": "Measure likeness against label, from no learned bit to nothing else.",
        "sources": "Measure queries by where they come from, and without their own source.",
        "layout": "Make the map of an archive anew, after cases came or went.",
        "booklet": "Write the PDF of an evaluation, and its figures and tables one by one.",
        "regions": "Measure queries by a boxed region beside queries by the whole picture.",
    }
    for name, text in commands_of_their_own.items():
        added = commands.add_parser(name, help=text, description=text)
        getattr(studies, f"add_{name}")(added)
        added.set_defaults(run=_study, study=name)

    calibrate = command(
        _calibrate, "Fit on held-out queries how far an archive's rankings can be trusted."
    )
    calibrate.add_argument("archive", help="archive folder, or a shipped archive's name")
    source = calibrate.add_mutually_exclusive_group(required=True)
    source.add_argument("--queries", help="folder of pictures, or an archive")
    source.add_argument("--evidence", type=Path, help="what crossfit wrote, of the same recipe")
    calibrate.add_argument(
        "--split",
        type=_words,
        default=["val"],
        help="with --queries: of these splits (val)",
    )
    calibrate.add_argument("--out", type=Path, help="write a calibrated copy there instead")

    audit = command(_audit, "Measure what changes of the queries' pictures do to the answers.")
    audit.add_argument("archive", help="archive folder, or a shipped archive's name")
    audit.add_argument("--queries", type=Path, required=True, help="folder of pictures")
    audit.add_argument("--split", type=_words, help="only queries of these splits, such as val")
    audit.add_argument("--changes", type=_words, help="only these, such as mask-text,crop,gamma")
    audit.add_argument("--bits", type=int, help="code length; default: the model's")
    audit.add_argument("--json", type=Path, metavar="OUT")

    download = command(_download, "Fetch a public data set from its authors and check it.")
    download.add_argument("name")
    download.add_argument("--out", type=Path, required=True)

    sample = command(_sample, "Draw the built-in synthetic sample (ct, xray) or a DICOM series.")
    sample.add_argument("kind", choices=("ct", "xray", "series"))
    sample.add_argument("--out", type=Path, required=True)
    sample.add_argument("--seed", type=int)

    verify = command(_verify, "Check every file of an archive or model against its manifest.")
    verify.add_argument("target")

    report = command(_report, "Put the stored results into a document, between its marks.")
    report.add_argument("document", type=Path)

    printed = command(_printed, "Compare with the means the paper prints, over its own queries.")
    printed.add_argument("archive", help="an archive of COVID-CT")
    printed.add_argument("--json", type=Path, metavar="OUT")

    card = command(_card, "Write the card of a shipped model from its stored evaluations.")
    card.add_argument("model")

    _add_intake(commands)

    bench = command(_bench, "Time the parts against plain implementations, as ratios in one run.")
    bench.add_argument("what", nargs="?", choices=("parts", "page"), default="parts")
    bench.add_argument("--scan", type=Path, metavar="FILE", help="page: what is searched")
    bench.add_argument("--archive", default="", metavar="TITLE", help="page: where, as it says")
    bench.add_argument("--beside", type=Path, metavar="CHECKOUT", help="page: compare with it")
    bench.add_argument("--json", type=Path, metavar="OUT")
    return parser


def _add_training(command: argparse.ArgumentParser, out: str) -> None:
    command.add_argument("folder", type=Path, help="with images.csv, or one sub-folder a label")
    command.add_argument("--out", type=Path, required=True, help=out)
    command.add_argument("--split", type=_words, help="splits to fit on (default: train)")
    names = "paper, or small; lite or lite-inner (pretrained)"
    command.add_argument("--encoder", default="paper", help=f"{names} (default: paper)")
    command.add_argument(
        "--bits", type=int, default=64, help="code length, a multiple of 8 (default: 64)"
    )
    command.add_argument(
        "--criterion", default="MID", help="of mRMR: MID, MIQ or FCQ (default: MID)"
    )
    command.add_argument(
        "--modality", default="CT", choices=("CT", "X-ray"), help="what it shows (default: CT)"
    )
    command.add_argument("--start", default="", help="full model whose weights to begin with")
    command.add_argument(
        "--beside", type=Path, metavar="FOLDER", help="more pictures, without labels, for --lessons"
    )
    for name, how in TRAINING_SETTINGS.items():
        command.add_argument(f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, **how)


def _add_intake(commands: argparse._SubParsersAction) -> None:
    text = "Say whether pictures are chest scans and the right way up; fit or measure what says so."
    actions = commands.add_parser("intake", help=text, description=text).add_subparsers(
        metavar="ACTION", required=True
    )

    def action(run: Callable[[argparse.Namespace], int | None], text: str):
        added = actions.add_parser(
            run.__name__.removeprefix("_intake_"), help=text, description=text
        )
        added.set_defaults(run=run)
        return added

    check = action(_intake_check, "Say what each picture looks like.")
    check.add_argument("files", type=Path, nargs="+", metavar="FILE")
    check.add_argument("--json", action="store_true")

    fit = action(_intake_fit, "Fit on genuine scans of the train and val splits.")
    fit.add_argument("--out", type=Path, required=True)
    fit.add_argument("--seed", type=int, default=0)

    measure = action(_intake_measure, "Measure on test splits, and on pictures of elsewhere.")
    measure.add_argument("--gate", type=Path, help="folder of the gate; default: the shipped one")
    measure.add_argument(
        "--strangers", type=Path, required=True, help="folder of pictures that are no chest scan"
    )
    measure.add_argument("--json", type=Path, metavar="OUT")
    for added in (fit, measure):
        for kind in ("ct", "xray"):
            added.add_argument(f"--{kind}", type=Path, nargs="+", default=[], metavar="FOLDER")
    measure.add_argument(
        "--loose", type=Path, nargs="+", default=[], metavar="FOLDER",
        help="of CT slices without a table",
    )  # fmt: skip


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise argparse.ArgumentTypeError("name at least one, with commas between several")
    return words


def _progress(what: str) -> Callable[..., None]:
    """A counter on stderr: rewritten in place on a terminal, every tenth part otherwise."""

    def show(done: int, total: int, *more: object) -> None:
        extra = "".join(f" {value:.4f}" for value in more if isinstance(value, float))
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r{what} {done} of {total}{extra}", end=end, file=sys.stderr, flush=True)
        elif done == total or done % max(total // 10, 1) == 0:
            print(f"{what} {done} of {total}{extra}", file=sys.stderr, flush=True)

    return show


def _require_writable(path: Path | None) -> None:
    """Refuse a place that no result can be written to before the long work."""
    from retrieval.evaluation import results

    if path is not None:
        results.require_place(path)


def _write_json(path: Path | None, found: dict[str, Any]) -> None:
    from retrieval.evaluation import results

    if path is not None:
        results.write_result(path, found)


def _train(options: argparse.Namespace) -> None:
    from retrieval.codes import model
    from retrieval.training import jobs

    made = jobs.train_model(
        options.folder,
        options.out,
        _plan(options),
        splits=options.split,
        progress=_progress,
    )
    model.verify(made)
    print(f"Model {made.name} ({made.id}), {made.bits} bits, is in {made.folder}.")


def _crossfit(options: argparse.Namespace) -> None:
    from retrieval.training import cross_fitting

    result, _ = cross_fitting.cross_fit(
        options.folder,
        options.out,
        _plan(options),
        splits=options.split,
        folds=options.folds,
        progress=_progress,
    )
    _print_figures(result)
    print(
        f"The figures, the evidence for calibrate and the models of the folds are in {options.out}."
    )


def _plan(options: argparse.Namespace):
    from retrieval.training.jobs import Plan

    named = set(TRAINING_SETTINGS) & set(vars(options))
    return Plan(
        encoder_name=options.encoder,
        modality=options.modality,
        bits=options.bits,
        criterion=options.criterion,
        settings={name: getattr(options, name) for name in sorted(named)},
        start=options.start,
        beside=options.beside,
    )


def _prune(options: argparse.Namespace) -> None:
    from retrieval.codes import model

    made = model.prune(model.load(options.model), options.out, options.bits)
    print(f"Model {made.name} ({made.id}) computes {len(made.columns)} features a scan.")


def _index(options: argparse.Namespace) -> None:
    from retrieval.archives import indexing
    from retrieval.codes import model
    from retrieval.data.folder import read_folder

    folder = read_folder(options.folder)
    if options.split:
        folder = folder.split(options.split)
    with _decoder() as decoder:
        archive = indexing.index(
            folder,
            model.load(options.model),
            options.out,
            pictures=options.pictures,
            read=decoder.read,
            progress=_progress("Encoded"),
        )
    print(f"Archive {archive.name} ({archive.id}) holds {len(archive)} cases.")
    if options.pictures == "link":
        print("Its pictures are linked, so both must move together; --pictures copy keeps copies.")


def _add(options: argparse.Namespace) -> None:
    from retrieval.archives import indexing
    from retrieval.archives.archive import open_archive

    known = open_archive(options.archive).labels
    with _decoder() as decoder:
        archive = indexing.add(options.archive, options.files, options.label, read=decoder.read)
        _warn_of_looks(((file, decoder.read(file)) for file in options.files), archive)
    if options.label.strip() not in known:
        print(f"{options.label} is a new label; known before: {', '.join(known)}.", file=sys.stderr)
    print(f"Archive {archive.name} ({archive.id}) holds {len(archive)} cases.")


def _warn_of_looks(pictures: Iterable[tuple[Path, Scan]], archive: Archive) -> bool:
    """Say on stderr where one does not look like what the archive holds; whether any was said."""
    from retrieval.trust.input_check import InputCheck

    gate, said = None, False
    for file, scan in pictures:
        try:
            gate = gate or InputCheck.load()
            warnings = gate.check(scan.pixels).warnings(archive.about["modality"])
        except RetrievalError as error:  # it warns, and stops nothing
            print(error, file=sys.stderr)
            return said
        for warning in warnings:
            print(f"{file.name}: {warning}", file=sys.stderr)
            said = True
    return said


def _remove(options: argparse.Namespace) -> None:
    from retrieval.archives import indexing

    archive = indexing.remove(options.archive, options.ids)
    print(f"Archive {archive.name} ({archive.id}) holds {len(archive)} cases.")


def _search(options: argparse.Namespace) -> None:
    from retrieval.archives.archive import open_archive
    from retrieval.codes.from_files import read_one
    from retrieval.errors import SearchError
    from retrieval.imaging.regions import Region
    from retrieval.search.search import search
    from retrieval.trust.answer import judge, withheld
    from retrieval.trust.novelty import NoveltyDetector

    if options.k < 1:
        raise SearchError(f"Cannot show {options.k} matches; ask for at least 1.")
    region = Region.parsed(options.region) if options.region else None
    archive = open_archive(options.archive)
    with _decoder() as decoder:
        scan = read_one(options.scan, decoder.read)
    unlike = _warn_of_looks([(options.scan, scan)], archive)
    model = archive.model()
    pixels = region.crop(scan.pixels, model.margin) if region else scan.pixels
    features = model.encode([pixels])
    code = model.codes(features)
    sha256 = "" if region else scan.sha256  # a part is not the picture it was cut from
    ranking = search(archive, code, sha256)
    found = ranking.hits(options.k, without_self=options.without_self)
    if options.json:
        distance = ranking.distances
        answer = None
        if not region and archive.calibration is not None:
            usual = NoveltyDetector.of(archive, model)
            strange = usual is not None and usual.is_out_of_distribution(features[0])
            why = withheld(archive, model, distance, sha256, unlike=unlike, strange=strange)
            answer = judge(archive, distance, why)
        shown = found.json() if answer is None else answer.added_to(found.json())
        print(json.dumps(shown, indent=1))
        return
    for warning in scan.warnings:
        print(warning, file=sys.stderr)
    for hit in found.hits:
        note = "  identical picture" if hit.identical else "  tied" if hit.tied else ""
        note += f"  ({hit.entry.note})" if hit.entry.note else ""
        print(
            f"{hit.rank:3}  {hit.distance:3} of {hit.bits} bits  {hit.entry.label:14} "
            f"{hit.entry.id}  {hit.entry.patient_id}  {hit.entry.file}{note}"
        )


def _inspect(options: argparse.Namespace) -> int:
    from retrieval.reading.sandbox import Decoder

    with Decoder() as decoder:
        reports = []
        for path in options.files:
            report = decoder.inspect(path)
            reports.append(report)
            if options.json:
                print(json.dumps(report), flush=True)
            else:
                print(_described(report), flush=True)
    return 0 if all(report["ok"] for report in reports) else 1


def _described(report: dict[str, object]) -> str:
    if not report["ok"]:
        return f"{report['file']}: {report['error']}"
    frames = f", {report['frames']} frames" if report["frames"] != 1 else ""
    kind = f", {report['modality']}" if report["modality"] else ""
    text = f"{report['file']}: {report['format']}{kind}, {report['width']} x {report['height']}"
    return " ".join([f"{text}{frames}.", *report["warnings"]])  # type: ignore[misc]


def _evaluate(options: argparse.Namespace) -> None:
    from retrieval.evaluation import jobs
    from retrieval.reports import tables

    _require_writable(options.json)
    result, alike = jobs.evaluate_archive(
        options.archive,
        options.queries,
        splits=options.split,
        protocol=options.protocol,
        bits=options.bits,
        progress=_progress,
    )
    _write_json(options.json, {**result.json(), "similarity": alike.json()})
    _print_figures(result)
    print(_similarity(alike.json()))
    if result.trust is not None:
        print(tables.trust_line(result.trust.json()))


def _print_figures(result: Evaluation) -> None:
    from retrieval.evaluation.results import reachable
    from retrieval.reports import tables

    print(
        f"{result.overall.queries} queries against {result.archive_count} cases, "
        f"{result.bits} bits, protocol {result.protocol}; 95 % intervals over patients."
    )
    if result.seen:
        print(f"In-sample: the model was trained on {result.seen} of these queries.")
    groups = {"all": result.overall, **result.per_label}
    depths = reachable(result.json(), tables.DEPTHS)
    for name, curves in groups.items():
        found = curves.json()
        figures = [f"P@{k} {tables.interval(found['at_k'][str(k)]['precision'])}" for k in depths]
        figures.append(f"mAP {tables.interval(found['map'])}")
        print(f"{name} ({curves.queries}; chance {curves.chance:.3f}): {', '.join(figures)}")


def _similarity(found: dict[str, Any]) -> str:
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


def _audit(options: argparse.Namespace) -> None:
    from retrieval.evaluation import jobs
    from retrieval.reports.tables import interval

    _require_writable(options.json)
    result = jobs.audit_archive(
        options.archive,
        options.queries,
        splits=options.split,
        changes=options.changes,
        bits=options.bits,
        progress=_progress("Encoded"),
    )
    found = result.json()
    _write_json(options.json, found)
    print(
        f"{result.queries} queries against {result.archive_count} cases, {result.bits} bits, "
        f"protocol {found['protocol']}; 95 % intervals over patients; chance {result.chance:.3f}."
    )
    print(f"{'unchanged':14} P@10 {interval(found['unchanged']['precision_at_10'])}")
    for name, effect in found["changes"].items():
        print(
            f"{name:14} P@10 {interval(effect['precision_at_10'])}, "
            f"difference {interval(effect['difference'])}, "
            f"share of the first 10 kept {interval(effect['overlap_at_10'])}"
        )


def _calibrate(options: argparse.Namespace) -> None:
    from retrieval.evaluation import calibrating
    from retrieval.reports import tables

    archive, figures = calibrating.calibrate(
        options.archive,
        options.queries,
        splits=options.split,
        evidence=options.evidence,
        out=options.out,
        progress=_progress("Encoded"),
    )
    calibration = archive.calibration
    print(
        f"Archive {archive.name} ({archive.id}) is calibrated on {figures.queries} queries of "
        f"{calibration.patients} patients: temperature {calibration.temperature:g}, "
        f"slope {calibration.slope:.3f}, answered from a chance of {calibration.threshold:.3f}."
    )
    print(tables.trust_line(figures.json()))
    if not calibration.informative:
        print("The rankings say no more of a label than its share of the archive; "
              "chances will be those shares, and no query is answered.")  # fmt: skip


def _study(options: argparse.Namespace) -> None:
    """A command of `commands`: measure, write, print."""
    _require_writable(options.json)
    found = getattr(studies, options.study)(options, _progress)
    _write_json(options.json, found)
    print("\n".join(getattr(studies, f"{options.study}_lines")(found)))


def _lengths(options: argparse.Namespace) -> None:
    from retrieval.evaluation import jobs
    from retrieval.reports import tables

    _require_writable(options.json)
    result = jobs.compare_lengths(
        options.archive,
        options.queries,
        splits=options.split,
        protocol=options.protocol,
        progress=_progress("Encoded"),
    ).json()
    _write_json(options.json, result)
    print(
        f"Bits chosen on {result['fitted_on']} train pictures out of {result['features']} "
        f"features; {result['draws']} random draws (in brackets their standard deviation); "
        "95 % intervals over patients.\n"
    )
    print(tables.lengths_tables(result))
    print("\nP@10 of bits and of the same columns real-valued, and shares of distinct codes:\n")
    print(tables.floats_table(result, "P@10"))


def _download(options: argparse.Namespace) -> None:
    from retrieval.data.download import download

    made = download(options.name, options.out, progress=_fetch_progress())
    print(f"{options.name} is complete in {made}.")


def _fetch_progress() -> Callable[[int, int, str], None]:
    """A counter on stderr; off a terminal, one line for each new thing that is being done."""
    said: set[str] = set()

    def show(done: int, total: int, what: str) -> None:
        if sys.stderr.isatty():
            whole = f" of {total / 1e6:.1f} MB" if total else " MB"
            print(f"\r{what}: {done / 1e6:.1f}{whole} ", end="", file=sys.stderr, flush=True)
        elif what not in said:
            said.add(what)
            print(what, file=sys.stderr, flush=True)

    return show


def _sample(options: argparse.Namespace) -> None:
    from retrieval.data import synthetic

    seed = {} if options.seed is None else {"seed": options.seed}
    if options.kind == "series":
        synthetic.write_ct_series(options.out, **seed)
    else:
        synthetic.write_sample(options.out, options.kind, **seed)
    print(f"Written to {options.out}.")


def _intake_check(options: argparse.Namespace) -> int:
    from retrieval.trust.input_check import InputCheck

    gate = InputCheck.load()
    unread = 0
    with _decoder() as decoder:
        for path in options.files:
            try:
                found = gate.check(decoder.read(path).pixels)
            except RetrievalError as error:  # the others are still to be looked at
                unread += 1
                print(" ".join(str(error).split()), file=sys.stderr)
                continue
            if options.json:
                print(json.dumps({"file": str(path), **found.json()}), flush=True)
            else:
                words = [f"{path}: {found.kind or 'neither kind'}.", *found.warnings()]
                print(" ".join(words), flush=True)
    return 1 if unread else 0


def _intake_fit(options: argparse.Namespace) -> None:
    from retrieval.trust import input_check_fitting

    sources = _intake_sources(options, ["train", "val"])
    with _decoder() as decoder:
        gate = input_check_fitting.fit(
            sources, options.out, read=decoder.read, seed=options.seed, progress=_progress("Seen")
        )
    gate.verify()
    print(f"InputCheck {gate.id}, fitted on {len(gate.fitted_on)} pictures, is in {gate.folder}.")


def _intake_measure(options: argparse.Namespace) -> None:
    from retrieval.evaluation.studies import input_check
    from retrieval.reports import tables
    from retrieval.trust import input_check_fitting
    from retrieval.trust.input_check import InputCheck

    _require_writable(options.json)
    gate = InputCheck.load(options.gate) if options.gate else InputCheck.load()
    sources = _intake_sources(options, ["test"])
    sources += [
        input_check_fitting.loose(folder, "CT").at_most(input_check.LOOSE)
        for folder in options.loose
    ]
    strangers = input_check_fitting.labelled(options.strangers, "", ["test"])
    with _decoder() as decoder:
        samples = [
            input_check.sample(
                source, gate, read=decoder.read, progress=_progress(f"Checked {source.name}")
            )
            for source in (*sources, strangers)
        ]
    found = input_check.measure(gate, samples[:-1], samples[-1])
    _write_json(options.json, found)
    print(tables.intake_tables(found))


def _intake_sources(options: argparse.Namespace, splits: list[str]) -> list[Any]:
    from retrieval.trust.input_check_fitting import labelled

    folders = [("CT", folder) for folder in options.ct]
    folders += [("X-ray", folder) for folder in options.xray]
    return [labelled(folder, kind, splits) for kind, folder in folders]


def _verify(options: argparse.Namespace) -> None:
    from retrieval.cli import verifying

    print(verifying.verify(options.target))


def _report(options: argparse.Namespace) -> None:
    from retrieval.reports import report

    report.update(options.document)
    print(f"The results in {options.document} are up to date.")


def _printed(options: argparse.Namespace) -> None:
    from retrieval.archives.archive import open_archive
    from retrieval.evaluation.results import read_result
    from retrieval.evaluation.studies import printed
    from retrieval.reports import tables

    _require_writable(options.json)
    archive = open_archive(options.archive)
    found = printed.compare(archive, archive.model(), read_result("paper-printed"))
    _write_json(options.json, found)
    print(tables.printed_table({archive.name: found}))


def _card(options: argparse.Namespace) -> None:
    from retrieval.codes import model
    from retrieval.reports import card

    found = model.load(options.model)
    card.write(found)
    print(f"The card of model {found.name} is in {found.folder / card.CARD}.")


def _bench(options: argparse.Namespace) -> None:
    from retrieval.cli import bench, page_bench

    _require_writable(options.json)
    if options.what == "page":
        found = page_bench.run(options.scan, options.archive, options.beside)
        print(*map(page_bench.sentence, found), sep="\n")
        _write_json(options.json, {"rows": found})
        return
    rows = bench.run()
    for row in rows:
        print(
            f"{row['what']}: {row['ours_ms']:.2f} ms; {row['other']}: {row['other_ms']:.2f} ms; "
            f"ratio {row['ratio']:.1f}"
        )
    _write_json(options.json, {"rows": rows})


def _decoder():
    from retrieval.reading.sandbox import Decoder

    return Decoder()


if __name__ == "__main__":
    sys.exit(main())
