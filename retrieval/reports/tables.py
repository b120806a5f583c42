"""Evaluations as Markdown tables, each figure with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.storage import Json

DEPTHS = (1, 5, 10, 50)

# Measured folder -> its description for readers.
PICTURES = {
    "covid-ct": "COVID-CT, test split",
    "pneumonia-xray": "pneumonia X-rays, test split",
    "sample-ct": "drawn CT slices, test split",
    "sample-xray": "drawn X-rays, test split",
    "ct-unlabelled": "CT slices from elsewhere, none fitted on",
    "dicom": "DICOM slices from elsewhere, none fitted on",
}
AGAINST = ("covid-ct", "pneumonia-xray")  # scans that the table compares other pictures with


def sources_table(result: Json) -> str:
    """A Markdown table of queries by source, with the archive and without that source."""
    head = ["Source of the queries", "Queries", "P@10 (chance)", "Without that source",
            "Without as many at random", "Difference"]  # fmt: skip
    return table(head, [_of_source(group) for group in result["groups"]])


def _of_source(group: Json) -> list[str]:
    cells = [
        group["source"],
        ", ".join(f"{count} {label}" for label, count in group["labels"].items()),
        f"{interval(group['precision_at_10'])} ({group['chance']:.3f})",
    ]
    if "difference" not in group:
        return [*cells, "", "", ""]
    left_out = (group["without_own_source"], group["without_as_many_at_random"])
    return [*cells, *map(interval, left_out), difference(group["difference"])]


def interval(figure: Json) -> str:
    """A figure as "0.512 [0.471, 0.550]"."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def lengths_table(result: Json, name: str) -> str:
    """A Markdown table of one figure (P@1, P@10, P@50 or mAP): a row a length, a column a choice.

    `result` is what `study lengths --json` writes. Random columns are given as their
    mean and, in brackets, the standard deviation over the draws.
    """

    def row(found: Json) -> list[str]:
        random = found["random"]
        deviation = _figure(random["spread"]["deviation"], name)
        return [
            *(_value(found[choice]["bits"], name) for choice in ("MID", "MIQ", "FCQ", "variance")),
            f"{_value(random['bits'], name)} ({deviation:.3f})",
            difference(_figure(found["MID"]["minus_random"], name)),
        ]

    head = ["Bits", "MID", "MIQ", "FCQ", "Variance", "Random", "MID - random"]
    return table(head, [[_length(bits, result), *row(f)] for bits, f in result["lengths"].items()])


def floats_table(result: Json, name: str, choice: str = "MID") -> str:
    """A Markdown table of one figure of one choice's bits and of the same columns real-valued.

    The last two columns are the shares of distinct codes, of this choice and of random columns.
    """

    def row(found: Json) -> list[str]:
        chosen = found[choice]
        return [
            _value(chosen["bits"], name),
            *(_value(figures, name) for figures in chosen["floats"].values()),
            *(difference(_figure(less, name)) for less in chosen["minus_floats"].values()),
            *(f"{side['distinct']:.3f}" for side in (chosen, found["random"])),
        ]

    distances = [*next(iter(result["lengths"].values()))[choice]["floats"]]
    less = [f"Bits - {distance}" for distance in distances]
    head = ["Bits", choice, *distances, *less, "Distinct", "Random distinct"]
    return table(head, [[_length(bits, result), *row(f)] for bits, f in result["lengths"].items()])


def lengths_tables(result: Json) -> str:
    """P@10 and mAP of a comparison of code lengths, each with a line that says what it is."""
    return "\n\n".join(
        f"{name} of `{result['model']['name']}`, {result['queries']} queries "
        f"(split {' + '.join(result['splits'])}) against {result['archive']['count']} cases, "
        f"chance {result['chance']:.3f}:\n\n"
        f"{lengths_table(result, name)}"
        for name in ("P@10", "mAP")
    )


def _figure(found: Json, name: str) -> Any:
    """The part of a result that is about P@k or mAP."""
    return found["map"] if name == "mAP" else found["at_k"][name.removeprefix("P@")]["precision"]


def _value(found: Json, name: str) -> str:
    return f"{_figure(found, name)['value']:.3f}"


def _length(bits: str, result: Json) -> str:
    return f"{bits} (all)" if int(bits) == result["features"] else bits


def difference(figure: Json) -> str:
    """A difference as "+0.012 [-0.020, +0.042]"; never -0.000."""
    return "{value:+z.3f} [{low:+z.3f}, {high:+z.3f}]".format(**figure)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]])


def audit_table(result: Json, untrained: Json | None = None) -> str:
    """A Markdown table of the effect on P@10 of changes of the queries' pictures.

    `untrained` : the same audit of the network's features before it was trained, for comparison.
    """
    head = [
        "Change of the query's picture",
        "P@10",
        "Difference",
        f"Mean over findings (uninformative: {result['balanced_chance']:.3f})",
        "Kept of the first 10",
    ]
    unchanged = result["unchanged"]
    first = [
        "None",
        interval(unchanged["precision_at_10"]),
        "",
        interval(unchanged["balanced_at_10"]),
        "",
    ]
    rows = [
        [
            effect["description"].rstrip("."),
            interval(effect["precision_at_10"]),
            difference(effect["difference"]),
            interval(effect["balanced_at_10"]),
            _kept(effect),
        ]
        for effect in result["changes"].values()
    ]
    if untrained is not None:
        head.append("Kept by ImageNet's features")
        first.append("")
        for row, name in zip(rows, result["changes"], strict=True):
            row.append(_kept(untrained["changes"][name]))
    return table(head, [first, *rows])


def _kept(effect: Json) -> str:
    return f"{effect['overlap_at_10']['value']:.3f}"


def printed_table(found: Mapping[str, Json]) -> str:
    """A Markdown table of the paper's printed means and those of named archives."""
    archives = [cell for name in found for cell in (f"P, `{name}`", f"AP, `{name}`")]
    head = ["Means over", "P, printed", "AP, printed", *archives]
    first = next(iter(found.values()))
    rows = []
    for part, words in (
        ("at_k", "10 queries, k = {}"),
        ("by_query_count_at_5", "{} queries, k = 5"),
    ):
        for key, figures in first[part].items():
            cells = [figures["printed"], *(result[part][key] for result in found.values())]
            pairs = (f"{cell[name]:.3f}" for cell in cells for name in ("precision", "ap_paper"))
            rows.append([words.format(key), *pairs])
    return table(head, rows)


def intake_tables(result: Json) -> str:
    """Three Markdown tables of the input check: false alarms, faults, pictures of other things."""
    scans, strangers = result["scans"], result["strangers"]
    return "\n\n".join((_alarms_table(scans), _faults_table(scans), _strangers_table(strangers)))


def _alarms_table(scans: Json) -> str:
    """False alarms on genuine scans."""
    changes = next(iter(scans.values()))["changed"]
    head = [
        "Genuine scans",
        "Pictures (patients)",
        "Nearer kind",
        "Any false alarm",
        *changes,
    ]
    rows = [
        [
            PICTURES.get(name, name),
            f"{found['pictures']} ({found['patients']})",
            f"{found['kind_right']['value']:.3f}",
            interval(found["alarms"]["any"]),
            *(f"{found['changed'][change]['any']['value']:.3f}" for change in changes),
        ]
        for name, found in scans.items()
    ]
    return table(head, rows)


def _faults_table(scans: Json) -> str:
    """How well scans in a wrong pose are told from right ones."""
    faults = next(iter(scans.values()))["faults"]
    columns = [f"{fault}: {figure}" for fault in faults for figure in ("AUROC", "warned")]
    rows = []
    for name, found in scans.items():
        cells = [PICTURES.get(name, name)]
        for fault in faults:
            seen = found["faults"][fault]
            cells += [interval(seen["auroc"]), f"{seen['found']['value']:.3f}"]
        rows.append(cells)
    return table(["The same, made wrong", *columns], rows)


def _strangers_table(strangers: Json) -> str:
    """How well pictures that are no chest scan are told from scans."""
    measured = next(iter(strangers.values()))["auroc"]
    names = [name for name in measured if name in AGAINST] or [*measured]
    against = [f"AUROC, {PICTURES.get(name, name)}" for name in names]
    rows = [
        [
            group,
            f"{found['pictures']} ({found['sources']})",
            interval(found["found"]),
            *(interval(found["auroc"][name]) for name in names),
        ]
        for group, found in strangers.items()
    ]
    return table(["No chest scan", "Pictures (sources)", "Warned", *against], rows)


def trust_line(trust: Json) -> str:
    """A measured calibration in one line."""
    error, surest = trust["calibration_error"], trust["risk_coverage"]
    p_at_10 = {round(100 * point["coverage"]): point["p_at_10"] for point in surest}
    how = "cross-validated" if trust["cross_validated_queries"] else "held out"
    return (
        f"Chances ({trust['queries']} queries, {how}): "
        f"log loss {trust['log_loss']['value']:.3f} (plain shares "
        f"{trust['log_loss_of_shares']['value']:.3f}), Brier {trust['brier']['value']:.3f} "
        f"({trust['brier_of_shares']['value']:.3f}), calibration error {error['value']:.3f} "
        f"(true chances: {error['perfect_low']:.3f} to {error['perfect_high']:.3f}); "
        f"P@10 {p_at_10[100]:.3f} of all, {p_at_10[80]:.3f} of the surest 80 %, "
        f"gain {interval(trust['gain_at_80'])}."
    )
