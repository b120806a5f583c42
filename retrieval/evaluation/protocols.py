"""Which archive cases a query may be ranked against, by named protocols.

official         queries of one split against the archive's other splits, test left out;
                 refused if a patient or picture stands on both sides, or the model saw a query.
own-patient-out  every archive case but the query's own picture and patient (the default).
paper            the whole archive, the query itself included, as the source paper did:
                 in-sample, for comparison with its printed tables only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.model import Model
from retrieval.data.folder import names_patient
from retrieval.errors import EvaluationError, PatientOverlap
from retrieval.evaluation.cases import Cases, cases_of_archive

PROTOCOLS = ("official", "own-patient-out", "paper")


def gallery_for(
    archive: Archive, model: Model, queries: Cases, protocol: str, bits: int | None = None
) -> Cases:
    """The cases that a protocol ranks for these queries; EvaluationError if that would mislead."""
    archive.require(model)
    check_protocol(protocol)
    gallery = cases_of_archive(archive, model, bits)
    if protocol == "official":
        gallery = gallery.take(official_rows(gallery, queries, model))
    return gallery


def check_protocol(protocol: str) -> None:
    """EvaluationError unless there is a protocol of this name."""
    if protocol not in PROTOCOLS:
        raise EvaluationError(f"There is no protocol {protocol!r}; choose {', '.join(PROTOCOLS)}.")


def official_rows(gallery: Cases, queries: Cases, model: Model) -> npt.NDArray[np.bool_]:
    """Which archive cases (n,) the official protocol ranks; EvaluationError where they leak.

    No picture or patient of theirs is among the queries, so no query has to leave any out.
    """
    kept = gallery_rows(gallery, queries)
    refuse_shared(gallery.take(kept), queries)
    seen = int(model.saw_each(queries.sha256).sum())
    if seen:
        raise EvaluationError(
            f"The model was trained on {seen} of the queries; the official protocol needs "
            "queries that it never saw."
        )
    return kept


def gallery_rows(gallery: Cases, queries: Cases) -> npt.NDArray[np.bool_]:
    """Which archive cases (n,) stand in other splits than the queries, and not in test."""
    # Never test pictures: choices made on validation queries must not see them either.
    asked = np.unique(queries.splits)
    kept = ~np.isin(gallery.splits, [*asked, "test"])
    if not kept.any():
        if not (gallery.splits != "").any():
            why = "names no splits, so none can be kept apart; name them in images.csv"
        elif len(asked) > 1:
            why = "has no split left that is not asked about; ask about one, such as --split test"
        else:
            why = "holds nothing but the split that is asked about; index the other splits"
        raise EvaluationError(f"The archive {why}, or evaluate with --protocol own-patient-out.")
    return kept


def refuse_shared(gallery: Cases, queries: Cases) -> None:
    """PatientOverlap if a named patient, or a picture, stands among both."""
    shared = np.intersect1d(gallery.patients, queries.patients).tolist()
    both = [group for group in shared if names_patient(group)]
    if both:
        raise PatientOverlap(
            f"{len(both)} patients stand both among the queries and in the archive, first "
            f"{both[0]}; keep all pictures of a patient on one side, and name two patients apart."
        )
    same = np.intersect1d(gallery.sha256, queries.sha256)
    if len(same):
        raise PatientOverlap(
            f"{len(same)} pictures stand both among the queries and, under another patient or "
            f"none, in the archive, first {same[0][:16]}; give them one patient_id or leave them "
            "out."
        )
