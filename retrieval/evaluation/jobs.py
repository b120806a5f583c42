"""Whole jobs: evaluate an archive, compare code lengths, audit changed pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from retrieval.archives import archive as archives
from retrieval.data.folder import Folder, read_folder
from retrieval.errors import EvaluationError
from retrieval.evaluation import curves, protocols, trust
from retrieval.evaluation.curves import Evaluation
from retrieval.evaluation.queries import Counter, in_splits, model_with, query_cases, source_of
from retrieval.evaluation.ranking import ranked_by_protocol
from retrieval.evaluation.studies import choices, lengths, similarity
from retrieval.evaluation.studies.audit import Audit, audit
from retrieval.evaluation.studies.lengths import Comparison
from retrieval.evaluation.studies.similarity import Similarity
from retrieval.imaging.disturbances import named
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
