"""Content-based retrieval of chest CT slices and chest X-rays.

bytes -> scan -> features -> selected bits -> ranking -> reasons and trust:
`reading`, `encoding`, `codes`, `archives`, `search`, `explain`, `trust`. `training`
makes a model, `evaluation` measures an archive. README.md shows the whole flow.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Archive": "archives.archive",
    "Model": "codes.model",
    "RetrievalError": "errors",
    "Scan": "reading.scan",
    "evaluate": "evaluation.curves",
    "index": "archives.indexing",
    "load_model": "codes.model",
    "open_archive": "archives.archive",
    "read_folder": "data.folder",
    "read_scan": "reading.decode",
}
_NAMES = {"load_model": "load", "read_scan": "read"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name at first use, so that importing the package stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(home, _NAMES.get(name, name))
