"""What a viewer shows of a picture: the file's own values, before any window is applied.

The encoder sees a fixed window (`scans`); a reader wants the original values,
the windows the file names, its millimetres and its directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """A named linear window: values from level - width / 2 to level + width / 2 span the greys."""

    name: str
    level: float
    width: float


@dataclass(frozen=True, eq=False)
class View:
    """One picture as its file holds it.

    values : uint8, int16 or uint16 (H, W); with unit "HU" Hounsfield units, with unit ""
        grey levels, by which a window changes contrast only.
    windows : at least one, the first to be shown first.
    inverted : whether low values are shown bright.
    spacing : millimetres between rows and between columns, or None; at_detector : measured
        at the detector of an X-ray machine, where a body is magnified.
    edges : what lies at the left, right, top and bottom edge, such as ("R", "L", "A", "P"),
        or None where the file does not say.
    shrunk : how many times more pixels the file has on each side, 1.0 for all of them.
    """

    values: NDArray[Any]
    unit: str
    windows: tuple[Window, ...]
    inverted: bool = False
    spacing: tuple[float, float] | None = None
    at_detector: bool = False
    edges: tuple[str, str, str, str] | None = None
    shrunk: float = 1.0
