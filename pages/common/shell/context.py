"""One ranking as the pages share it: the hits, how far to trust them, what to do on a click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retrieval.archives.archive import Archive
from retrieval.search.hits import Hit, Hits
from retrieval.trust.answer import Answer


@dataclass(frozen=True, eq=False)
class Context:
    """What every card of one ranking needs: the ranking, how far to trust it, what to do on click.

    fitting : how many cases of the archive the filter leaves.
    withheld : why no figures for new patients are given, and no answer; or empty.
    compare : shows a hit beside the query; steer : what else can be asked from a card.
    """

    archive: Archive
    hits: Hits
    fitting: int
    answer: Answer | None
    withheld: str
    compare: Callable[[Context, Hit], None]
    steer: Callable[[Context, Hit], None]
