"""Ranked cases: what a search gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.archives.catalogue import Entry
from retrieval.data.folder import known_patient
from retrieval.storage import Json


@dataclass(frozen=True)
class Hit:
    """One archive case in a ranking.

    distance : differing bits out of `bits`; tied : another hit has the same distance;
    identical : its picture is the query's, pixel by pixel; position : its row in the archive.
    """

    rank: int
    position: int
    distance: int
    bits: int
    identical: bool
    tied: bool
    entry: Entry


@dataclass(frozen=True)
class Hits:
    """A ranking for one query, nearest first; `beyond` is the distance just after the last hit."""

    hits: tuple[Hit, ...]
    sha256: str
    beyond: int | None

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, place: int) -> Hit:
        return self.hits[place]

    def json(self) -> Json:
        """As `search --json` prints it."""
        hits = [
            {
                "rank": hit.rank,
                "id": hit.entry.id,
                "distance": hit.distance,
                "bits": hit.bits,
                "label": hit.entry.label,
                "patient_id": known_patient(hit.entry.patient_id),
                "file": hit.entry.file,
                "identical": hit.identical,
            }
            for hit in self.hits
        ]
        return {"query": {"sha256": self.sha256}, "hits": hits}


def ranked(
    found: Sequence[tuple[int, int]],
    entries: Sequence[Entry],
    *,
    bits: int,
    sha256: str,
    same: Sequence[int],
) -> Hits:
    """Hits for the first of `found`, pairs (position, distance), one for each entry.

    `same` are the positions of the query's own picture; pairs beyond the entries only
    tell ties and the distance that follows the last hit.
    """
    distances = [distance for _, distance in found]
    together = Counter(distances)
    hits = tuple(
        Hit(
            rank=number,
            position=position,
            distance=distance,
            bits=bits,
            identical=position in same,
            tied=together[distance] > 1,
            entry=entry,
        )
        for number, ((position, distance), entry) in enumerate(
            zip(found, entries, strict=False), start=1
        )
    )
    k = len(entries)
    return Hits(hits, sha256, distances[k] if len(found) > k else None)
