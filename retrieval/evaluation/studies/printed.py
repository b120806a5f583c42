"""The paper's own queries under the paper's own protocol, beside the means that it prints.

The paper numbers its queries through the archive, COVID first. In the order of
the authors' file names the first picture is 580 x 335 pixels, exactly the
paper's input, so that order is taken to be its numbering. Some numbers are
illegible and left out. The whole archive is ranked, the query itself included:
in-sample, as printed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.model import Model
from retrieval.errors import EvaluationError
from retrieval.evaluation import curves
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.evaluation.curves import DEPTH, FIGURES
from retrieval.evaluation.ranking import Ranked
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

FIRST_LABEL = "covid"
COVID_CT = (746, 349)  # cases in all, and of the first label


def numbered(archive: Archive) -> npt.NDArray[np.intp]:
    """Positions (n,) of the archive's cases in the paper's numbering, its number 1 first."""
    label, file = archive.catalogue.column("label"), archive.catalogue.column("file")
    if (len(label), int((label == FIRST_LABEL).sum())) != COVID_CT:
        raise EvaluationError(
            f"Archive {archive.name} is not the whole of COVID-CT, {COVID_CT[0]} cases with "
            f"{COVID_CT[1]} labelled {FIRST_LABEL}; the paper's queries are numbered through it."
        )
    return np.lexsort((file, label != FIRST_LABEL))


def compare(archive: Archive, model: Model, printed: Json) -> Json:
    """Each of the paper's tables, keyed as it is, its means and rows beside what it prints."""
    cases = cases_of_archive(archive, model)
    order = numbered(archive)
    by_k = _means(cases, order, printed["queries_by_k"])
    counts: Json = {}
    for count, means in printed["by_query_count_at_5"].items():
        asked = printed["queries_at_5"][: int(count)]
        ours = _means(cases, order, printed["first_five_at_5"] if count == "5" else asked)
        counts[count] = {**_at(ours, 5), "printed": means}
    return {
        "archive": {"id": archive.id, "count": len(archive)},
        "model": {"id": model.id},
        "at_k": {
            k: {**_at(by_k, int(k)), "printed": found} for k, found in printed["at_k"].items()
        },
        "by_query_count_at_5": counts,
        "per_query": {
            k: _rows(cases, order, printed["per_query"][k], int(k)) for k in printed["per_query"]
        },
        "per_query_at_5": _rows(cases, order, printed["per_query_at_5"], 5),
    }


def _rows(cases: Cases, order: npt.NDArray[np.intp], printed: Sequence[Json], k: int) -> list[Json]:
    """One row for each legible query: its figures at k and what the paper prints of it."""
    legible = [row for row in printed if row["query"] is not None]
    asked = cases.take(order[[row["query"] - 1 for row in legible]])
    values = _figures(cases, asked)
    return [
        {
            "query": row["query"],
            "hits": k * float(figures[k - 1]),
            **{name: float(figures[place * DEPTH + k - 1]) for place, name in enumerate(FIGURES)},
            "printed": {"hits": row["hits"], "ap_paper": row["ap_paper"]},
        }
        for row, figures in zip(legible, values, strict=True)
    ]


def _means(
    cases: Cases, order: npt.NDArray[np.intp], numbers: Sequence[int | None]
) -> dict[str, Floats]:
    """Mean figures (DEPTH,) over the queries with these numbers; None is illegible."""
    asked = np.zeros(len(cases), dtype=bool)
    asked[[order[number - 1] for number in numbers if number is not None]] = True
    mean = _figures(cases, cases.take(asked)).mean(axis=0)
    return {name: mean[place * DEPTH :][:DEPTH] for place, name in enumerate(FIGURES)}


def _figures(cases: Cases, asked: Cases) -> Floats:
    return curves.figures_of_queries(Ranked.of(cases, asked, without=()).rankings)


def _at(means: dict[str, Floats], k: int) -> Json:
    return {name: float(means[name][k - 1]) for name in ("precision", "ap_paper")}
