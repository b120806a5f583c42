"""Whole jobs: evaluate an archive, compare code lengths, audit changed pictures, travel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from retrieval.archives import archive as archives
from retrieval.codes import model as models
from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.data.folder import Folder, read_folder
from retrieval.errors import EvaluationError
from retrieval.evaluation import curves, protocols, trust
from retrieval.evaluation.curves import Evaluation
from retrieval.evaluation.queries import (
    Counter,
    in_splits,
    labels_of,
    model_with,
    query_cases,
    source_of,
)
from retrieval.evaluation.ranking import ranked_by_protocol
from retrieval.evaluation.studies import choices, lengths, similarity, travel
from retrieval.evaluation.studies.audit import Audit, audit, encode_changed
from retrieval.evaluation.studies.lengths import Comparison
from retrieval.evaluation.studies.similarity import Similarity
from retrieval.evaluation.studies.travel import Place, Source, Travel
from retrieval.imaging.disturbances import Disturbance, named
from retrieval.reading.sandbox import Decoder


def evaluate_archive(
    where: str,
    queries: str,
    *,
    splits: Sequence[str] | None,
    protocol: str,
    bits: int | None,
    progress: Callable[[str], Counter],
) -> tuple[Evaluation, Similarity]:
    """Evaluate an archive with the pictures of a folder, or the stored cases of an archive."""
    protocols.check_protocol(protocol)
    archive = archives.open_archive(where)
    model = model_with(archive, bits)
    cases = query_cases(queries, model, splits, bits, progress("Encoded"))
    gallery = protocols.gallery_for(archive, model, cases, protocol, bits)
    ranked, everything = ranked_by_protocol(gallery, cases, protocol)
    result = curves.evaluation_of(ranked, archive, model, protocol, progress=progress("Ranked"))
    if protocol != "paper":  # there a query finds itself, and of such no chance is given
        result = replace(result, trust=trust.measured(ranked.rankings, model, archive))
    return result, similarity.measure(ranked, everything)


def compare_lengths(
    where: str, queries: str, *, splits: Sequence[str] | None, protocol: str, progress: Counter
) -> Comparison:
    """Compare ways to choose an archive's bits, asked with a folder's pictures or stored cases."""
    protocols.check_protocol(protocol)
    if protocol != "official":
        raise EvaluationError(
            "Code lengths are compared for new patients alone, since the bits are chosen on the "
            "train split; use --protocol official."
        )
    archive = archives.open_archive(where)
    model = archive.model()
    source = source_of(queries, splits)
    if isinstance(source, Folder):
        with Decoder() as decoder:
            sample = choices.sample_of_folder(source, model, read=decoder.read, progress=progress)
    else:
        source.require(model)
        sample = choices.sample_of_archive(source, model).take(in_splits(source, splits))
    return lengths.compare(archive, model, sample)


def audit_archive(
    where: str,
    queries: Path,
    *,
    splits: Sequence[str] | None,
    changes: Sequence[str] | None,
    bits: int | None,
    progress: Counter,
) -> Audit:
    """Ask an archive with the pictures of a folder under each named change; all by default."""
    applied = named(changes)
    archive = archives.open_archive(where)
    model = model_with(archive, bits)
    folder = read_folder(queries)
    chosen = folder.split(splits) if splits else folder
    with Decoder() as decoder:
        return audit(
            archive, model, chosen, applied, bits=bits, read=decoder.read, progress=progress
        )


def measure_travel(
    model_name: str,
    galleries: Sequence[str],
    queries: str,
    *,
    axis: Mapping[str, str],
    changes: Sequence[str] | None,
    hospital_out: bool,
    progress: Counter,
) -> Travel:
    """Ask sources with the pictures of another, all coded by one model.

    galleries, queries : as `Place.named` reads them. axis : a label for own words of the sources.
    changes : of the queries' pictures; none by default. hospital_out : leave a gallery out that
    has the name of the queries. Refusals that need no encoding come first.
    """
    applied = named(changes) if changes else {}
    model = models.load(model_name)
    asked, places = Place.named(queries), [Place.named(text) for text in galleries]
    kept = travel.other_hospitals(places, asked) if hospital_out else places
    both = [*kept, asked]
    words = [(place.name, labels_of(place.where, place.splits)) for place in both]
    travel.check_axis(words, axis)
    changed = _changed(asked, model, applied, progress)
    *sources, last = (
        Source.of(place.name, query_cases(place.where, model, place.splits, None, progress), axis)
        for place in both
    )
    return travel.measure(model, sources, last, applied, changed)


def _changed(
    place: Place, model: Model, changes: Mapping[str, Disturbance], progress: Counter
) -> dict[str, Features]:
    """Features of a place's pictures under each change; EvaluationError if it has no pictures."""
    if not changes:
        return {}
    folder = source_of(place.where, place.splits)
    if not isinstance(folder, Folder):
        raise EvaluationError(
            f"Archive {place.name} holds codes and no pictures to change; name the folder of its "
            "pictures with --queries."
        )
    with Decoder() as decoder:
        return encode_changed(folder, model, changes, decoder.read, progress)
