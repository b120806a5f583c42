"""Tables of the evaluations that are stored in assets/results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retrieval.evaluation.results import read_result, seeds
from retrieval.reports.tables import DEPTHS, difference, interval, table
from retrieval.storage import Json

# File in assets/results -> its description for readers; evaluations on new patients come first.
TABLES = {
    "covid-ct-official": "`ct` on COVID-CT, new patients (official test split)",
    "covid-ct-cross-fitted": "recipe of `ct`, cross-fitted in five folds of patients (train + val)",
    "travel/ct-sarscov2-in-sarscov2": "`ct` in another hospital's own archive, not trained again",
    "travel/ct-frozen-sarscov2-in-sarscov2": "ImageNet features as they are, in that archive",
    "travel/ct-sarscov2-in-covid-ct": "`ct`, that hospital's slices in the archive COVID-CT",
    "travel/ct-hu-in-covid-ct": "`ct`, Hounsfield slices of 3 patients in the archive COVID-CT",
    "covid-ct-frozen-official": "ImageNet features as they are, as codes, on COVID-CT (official)",
    "covid-ct-paper-official": "`ct-paper` on COVID-CT, new patients (official test split)",
    "pneumonia-xray-official": "`xray` on pneumonia X-rays, new patients (official test split)",
    "pneumonia-xray-frozen-official": "ImageNet features as they are, as codes, on the X-rays",
    "pneumonia-xray-paper-official": "`xray-paper` on pneumonia X-rays, new patients (official)",
    "covid-ct-paper": "`ct`, the source paper's protocol: in-sample, finds itself",
    "covid-ct-paper-paper": "`ct-paper`, the source paper's protocol: in-sample, finds itself",
    "pneumonia-xray-paper": "`xray`, the source paper's protocol: in-sample, finds itself",
    "pneumonia-xray-paper-paper": "`xray-paper`, the paper's protocol: in-sample, finds itself",
    "sample-ct-official": "`ct` on the synthetic CT sample, new patients",
    "sample-ct-paper-official": "`ct-paper` on the synthetic CT sample, new patients",
    "sample-xray-official": "`xray` on the synthetic X-ray sample, new patients",
}
LIKENESS = (("own_patient", "recall_at_10"), ("subtypes", "precision_at_10"))


def _precision(k: int) -> Callable[[Json], str]:
    return lambda result: interval(result["at_k"][str(k)]["precision"])


# Column of a table of evaluations -> its text, from a stored evaluation.
COLUMNS: dict[str, Callable[[Json], str]] = {
    "Queries": lambda result: f"{result['queries']} against {result['archive']['count']}",
    **{f"P@{k}": _precision(k) for k in DEPTHS},
    "mAP": lambda result: interval(result["map"]),
    "AP@5 (paper's)": lambda result: interval(result["at_k"]["5"]["ap_paper"]),
    "Chance": lambda result: f"{result['chance']:.3f}",
}


def results_table(
    names: Sequence[str] = tuple(TABLES), columns: Sequence[str] = tuple(COLUMNS)
) -> str:
    """A Markdown table of stored evaluations, each figure with its 95 % interval.

    `names` : keys of `TABLES`, a row each. `columns` : keys of `COLUMNS`, beside the title.
    """
    rows = []
    for name in names:
        result = read_result(name)
        rows.append([TABLES[name], *(COLUMNS[column](result) for column in columns)])
    return table(["Evaluation", *columns], rows)


def seeds_table() -> str:
    """A Markdown table of evaluations repeated with other seeds: mean, minimum and maximum."""
    head = [
        "Evaluation",
        "Seeds",
        *(f"P@{k}" for k in DEPTHS),
        "mAP",
        "AP@5 (paper's)",
        "Own patient's slices found",
        "P@10 of subtypes",
    ]
    rows = []
    for name, title in TABLES.items():
        repeats = [read_result(other) for other in seeds(name)]
        if not repeats:
            continue
        found = [read_result(name), *repeats]
        columns = [
            *([one["at_k"][str(k)]["precision"] for one in found] for k in DEPTHS),
            [one["map"] for one in found],
            [one["at_k"]["5"]["ap_paper"] for one in found],
            *(_of_similarity(found, *where) for where in LIKENESS),
        ]
        rows.append([title, str(len(found)), *(_spread(column) for column in columns)])
    return table(head, rows)


def _of_similarity(found: Sequence[Json], name: str, figure: str) -> list[Json]:
    """A similarity figure of every repetition; empty if the data lack it."""
    parts = [one["similarity"][name] for one in found]
    return [part[figure] for part in parts] if all(parts) else []


def _spread(figures: Sequence[Json]) -> str:
    if not figures:
        return ""
    values = [figure["value"] for figure in figures]
    return f"{sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def similarity_table() -> str:
    """A Markdown table of the similarity figures of the stored official evaluations."""
    head = [
        "Evaluation",
        "Distinct codes",
        "Rank 10 cuts a tie",
        "Own patient's slices found",
        "P@10 of subtypes (chance)",
    ]
    rows = []
    for name, title in TABLES.items():
        result = read_result(name)
        found = result.get("similarity")
        if found is None or result["protocol"] != "official":
            continue
        own, finer = found["own_patient"], found["subtypes"]
        rows.append(
            [
                title,
                f"{found['distinct_codes']:.3f} of {found['cases']}",
                interval(found["ties_at_10"]["cut"]),
                f"{interval(own['recall_at_10'])} ({own['queries']})" if own else "",
                f"{interval(finer['precision_at_10'])} ({finer['chance']:.3f})" if finer else "",
            ]
        )
    return table(head, rows)


def trust_table() -> str:
    """A Markdown table of the calibration of chances in the stored official evaluations."""
    head = [
        "Evaluation",
        "Log loss (shares)",
        "Brier (shares)",
        "Calibration error (if true)",
        "P@10 of all, of the surest 80 %",
        "Gain",
    ]
    rows = []
    for name, title in TABLES.items():
        found = read_result(name).get("trust")
        if found is None:
            continue
        error = found["calibration_error"]
        at = {round(100 * point["coverage"]): point["p_at_10"] for point in found["risk_coverage"]}
        rows.append(
            [
                title,
                f"{found['log_loss']['value']:.3f} ({found['log_loss_of_shares']['value']:.3f})",
                f"{found['brier']['value']:.3f} ({found['brier_of_shares']['value']:.3f})",
                f"{error['value']:.3f} ({error['perfect_low']:.3f} to {error['perfect_high']:.3f})",
                f"{at[100]:.3f}, {at[80]:.3f}",
                difference(found["gain_at_80"]),
            ]
        )
    return table(head, rows)
