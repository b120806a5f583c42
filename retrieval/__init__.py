"""Content-based retrieval of chest CT slices and chest X-rays.

scan -> features -> mRMR selection -> bits -> Hamming ranking:
`scans`, `encoder`, `selection`, `hashing`, `hamming`, held together by `model`
and `archive`; `training` makes a model, `evaluation` measures one.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Archive": "archive",
    "Model": "model",
    "RetrievalError": "errors",
    "Scan": "scans",
    "evaluate": "evaluation",
    "index": "indexing",
    "load_model": "model",
    "open_archive": "archive",
    "read_folder": "datasets",
    "read_scan": "scans",
}
_NAMES = {"load_model": "load", "read_scan": "read"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name at first use, so that importing the package stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(home, _NAMES.get(name, name))
