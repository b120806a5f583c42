"""How far to trust the ranking of one new query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.model import Model
from retrieval.search.folding import nearly_identical
from retrieval.statistics.calibration import Calibration, abstain, chance
from retrieval.statistics.rankings import NEIGHBOURS
from retrieval.storage import Json

# Why neither figures for new patients nor a chance are given for a query
TRAINED_ON = "Used to train the model"
NEAR_TRAINED = "Nearly the code of a training picture"
NEAR_FITTED = "Nearly the code of a picture whose patient the chances were fitted on"
ARCHIVED = "This picture is in the archive itself"
UNLIKE = "This is not the kind of picture that this archive was measured with"
STRANGE = "This scan looks unlike all pictures of this archive"
FAR = "The nearest cases lie farther off than for 99 of 100 queries that this was fitted on"
NO_INFORMATION = (
    "On held-out queries this archive's rankings said no more of the label than its share of "
    "the archive does."
)


@dataclass(frozen=True)
class Answer:
    """How far to trust the ranking of one query.

    chances : chance of each label, or None where it is withheld.
    answered : whether the largest chance is among those of the surer 80 % of held-out queries.
    novelty : share of the held-out queries that were nearer to the archive, 0 to 1, or None;
        novel : farther than 99 % of them, or strange by its features (`novelty`), so unlike
        anything in the archive.
    current : whether the archive still holds what the calibration was fitted with.
    why : one sentence where chances are withheld or say nothing, else empty.
    """

    chances: dict[str, float] | None
    answered: bool
    novelty: float | None
    novel: bool
    current: bool
    why: str

    def chance_of(self, label: str) -> float | None:
        """Chance that a hit with this label has the query's; None where it would mislead.

        That is: where it is withheld, uncertain beside most, of another archive, or of a
        query that is unlike anything in this one.
        """
        if not (self.answered and self.chances and self.current) or self.novel:
            return None
        return self.chances.get(label, 0.0)

    def json(self) -> Json:
        """As `search --json` prints it under `trust`."""
        return {
            "answered": self.answered,
            "novelty": self.novelty,
            "novel": self.novel,
            "chances": self.chances,
            "fitted_on_this_archive": self.current,
            "why": self.why,
        }

    def added_to(self, found: Json) -> Json:
        """The output of a search with `trust`, and what `chance_of` says of each hit."""
        hits = [{**hit, "chance": self.chance_of(hit["label"])} for hit in found["hits"]]
        return {**found, "hits": hits, "trust": self.json()}


def withheld(
    archive: Archive,
    model: Model,
    distance: npt.NDArray[np.integer],
    sha256: str,
    *,
    unlike: bool = False,
    strange: bool = False,
) -> str:
    """Why what was measured with new patients does not hold for a query; empty where it does.

    `distance` (n,) is the query's to every case, `sha256` its pixel checksum; `unlike` is
    whether the input check warns of it for this archive, `strange` what `novelty` says of it. A
    saved copy of a picture has other pixels and nearly the same code, and another slice may too.
    """
    if model.saw(sha256):
        return TRAINED_ON
    if archive.catalogue.positions_of(sha256):
        return ARCHIVED
    near = np.flatnonzero(nearly_identical(distance, archive.bits)).tolist()
    alike = archive.catalogue.entries(near)
    if any(model.saw(entry.sha256) for entry in alike):
        return NEAR_TRAINED
    fitted = archive.calibration
    if fitted and any(fitted.was_fitted_on(entry.sha256, entry.patient_id) for entry in alike):
        return NEAR_FITTED
    if unlike:
        return UNLIKE
    return STRANGE if strange else ""


def gives_chances(archive: Archive) -> bool:
    """Whether an archive, as it is now, has chances that say more than its shares of labels."""
    fitted = archive.calibration
    return fitted is not None and fitted.informative and _is_current(fitted, archive)


def _is_current(calibration: Calibration, archive: Archive) -> bool:
    return calibration.archive_id == archive.id


def _said_of(reason: str) -> str:
    """A reason for giving no chance as a sentence."""
    return f"{reason}: no chance is given."


def judge(archive: Archive, distance: npt.NDArray[np.integer], why: str) -> Answer | None:
    """How far to trust one query's ranking; None if the archive has no calibration.

    `distance` (n,) is the query's to every case; `why` is what `withheld` says of the query:
    with a reason no chance is given.
    """
    calibration = archive.calibration
    if calibration is None:
        return None
    current = _is_current(calibration, archive)
    if why:
        return Answer(None, False, None, why == STRANGE, current, _said_of(why))
    chances = chance(calibration, distance, archive.catalogue.column("label"))
    nearest = float(np.sort(distance)[:NEIGHBOURS].mean())
    novel = calibration.is_novel(nearest)
    return Answer(
        chances=None if novel else chances,
        answered=not novel and not abstain(calibration, chances),
        novelty=calibration.novelty(nearest),
        novel=novel,
        current=current,
        why=NO_INFORMATION if not calibration.informative else _said_of(FAR) if novel else "",
    )
