"""What a user sees of a picture: the values of the file, and the windows to show them through.

The encoder sees a fixed window (`dicom`). A user wants the original values, the
windows that the file names, its millimetres and its directions. Values are kept
where 16 bits hold them; padding becomes black.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.imaging.greys import ByteImage, FloatImage, averaged, extent, stretch


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


LONGEST = 1600  # pixels on the longer side
LUNG = Window("Lung", -600.0, 1500.0)  # HU
FULL_RANGE = "Full range"
DEEPEST = 65535  # the largest uint16
MANY = 1000  # with so many greys, rounding to whole numbers is not visible
LEAST_SHOWN = 1 / 255  # share of the greys that a picture must span under a useful window
Visible: TypeAlias = NDArray[np.bool_] | None  # (H, W), False for padding; None for no padding


def of_greys(levels: ByteImage) -> View:
    """The View of 8-bit greys (H, W), for a file that holds nothing more."""
    return View(levels, "", (full_range(0, 255),))


def of_hounsfield(
    values: NDArray[np.floating], windows: Sequence[Window], visible: Visible
) -> View:
    """The View of HU (H, W) as int16, through the lung window or those of the file.

    The lung window always comes first, because the search sees it.
    """
    low, high = extent(values if visible is None else values[visible])
    filled = values if visible is None else np.where(visible, values, low)
    limits = np.iinfo(np.int16)
    stored = np.clip(np.rint(filled), limits.min, limits.max).astype(np.int16)
    others = [w for w in windows if (w.level, w.width) != (LUNG.level, LUNG.width)]
    return View(stored, "HU", showing((LUNG, *others), low, high, full=True))


def of_numbers(
    values: NDArray[Any],
    windows: Sequence[Window] = (),
    *,
    inverted: bool = False,
    visible: Visible = None,
) -> View:
    """The View of numbers (H, W) without a unit; mapped to uint16 if 16 bits do not hold them."""
    low, high = extent(values if visible is None else values[visible])
    filled = values if visible is None else np.where(visible, values, high if inverted else low)
    windows = showing(windows, low, high, full=True)
    kind = _holding(filled, low, high)
    if kind is not None:
        return View(np.rint(filled).astype(kind), "", windows, inverted)
    levels = np.rint(stretch(filled, low, high) * DEEPEST).astype(np.uint16)
    return View(levels, "", tuple(_mapped(each, low, high) for each in windows), inverted)


def of_shown(pixels: FloatImage, *, inverted: bool, visible: Visible) -> View:
    """The View of pixels (H, W) in [0, 1] that the file's curve made; no linear window can."""
    whole = full_range(0, DEEPEST)
    return of_numbers(np.rint(pixels * DEEPEST), (whole,), inverted=inverted, visible=visible)


def full_range(low: float, high: float) -> Window:
    """The window from one number to another."""
    return Window(FULL_RANGE, (low + high) / 2, high - low)


def showing(
    windows: Sequence[Window], low: float, high: float, *, full: bool = False
) -> tuple[Window, ...]:
    """The windows under which values from `low` to `high` differ; if none, `full` for all of it."""
    useful = tuple(each for each in windows if _shares(each, low, high) >= LEAST_SHOWN)
    return useful or ((full_range(low, high),) if full else ())


def shrink(view: View) -> View:
    """The View with the average of an area for each pixel, where a side is over LONGEST."""
    height, width = view.values.shape
    small = averaged(view.values, LONGEST)
    if small is view.values:
        return view
    rows, columns = small.shape
    spacing = view.spacing
    if spacing is not None:
        spacing = (spacing[0] * height / rows, spacing[1] * width / columns)
    values = np.rint(small).astype(view.values.dtype)
    return replace(view, values=values, spacing=spacing, shrunk=max(height, width) / LONGEST)


def _shares(window: Window, low: float, high: float) -> float:
    """The share of a window's greys that values from `low` to `high` take."""
    if not (math.isfinite(window.level) and 0 < window.width < math.inf):
        return 0.0
    bottom, top = window.level - window.width / 2, window.level + window.width / 2
    return (min(high, top) - max(low, bottom)) / window.width


def _holding(values: NDArray[Any], low: float, high: float) -> type[np.integer] | None:
    """The 16-bit type that holds the numbers; None if they do not fit or rounding is visible."""
    if high - low < MANY and not np.array_equal(np.rint(values), values):
        return None
    fits = (kind for kind in (np.uint16, np.int16) if _within(np.iinfo(kind), low, high))
    return next(fits, None)


def _within(limits: np.iinfo[Any], low: float, high: float) -> bool:
    return limits.min <= low and high <= limits.max


def _mapped(window: Window, low: float, high: float) -> Window:
    """The window for values of which `low` became 0 and `high` DEEPEST."""
    level, width = (window.level - low) / (high - low), window.width / (high - low)
    return Window(window.name, level * DEEPEST, width * DEEPEST)
