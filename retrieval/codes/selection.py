"""mRMR: choose features that tell the label and do not repeat each other.

Peng, Long, Ding, "Feature selection based on mutual information", IEEE TPAMI
27(8), 2005 (MID); Ding, Peng, "Minimum redundancy feature selection from
microarray gene expression data", J. Bioinform. Comput. Biol. 3(2), 2005 (MIQ, FCQ).
The selection keeps its order, so that the first m columns are a selection of m
features. In MID a constant column scores exactly 0, so it comes before columns with
more redundancy than relevance, as in Peng's program.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin, f_classif
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from retrieval.errors import SelectionError

Floats = npt.NDArray[np.float64]
Criterion = Callable[[Floats, Floats], Floats]

PENG_OFFSET = 1e-4  # in Peng's program MIQ divides by redundancy + 0.0001
CORRELATION_FLOOR = 1e-3  # FCQ divides by the mean |correlation|, never less than this
TIE = 1e-12  # scores closer than this are equal
SHORT_STRETCH = 7


def _difference(relevance: Floats, redundancy: Floats) -> Floats:
    return relevance - redundancy


def _peng_quotient(relevance: Floats, redundancy: Floats) -> Floats:
    return relevance / (redundancy + PENG_OFFSET)


def _floored_quotient(relevance: Floats, redundancy: Floats) -> Floats:
    return relevance / np.maximum(redundancy, CORRELATION_FLOOR)


class MRMRSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Minimum redundancy, maximum relevance feature selection that keeps its order.

    Selected columns are always in the order of `ranking_`: in `transform`, in
    `inverse_transform`, in `get_feature_names_out` and in `get_support(indices=True)`.
    Only the mask of `get_support()` is in column order.

    Parameters
    ----------
    n_features : how many columns to keep, at most the number of columns.
    criterion : "MID" (mutual information, difference; the default), "MIQ"
        (mutual information, quotient) or "FCQ" (F statistic over mean |correlation|).
    discretise : whether to round columns to the states -1, 0, 1 at mean -/+ one
        standard deviation, as Peng does for continuous features. False takes the
        values as states already. FCQ uses the values themselves.

    Attributes
    ----------
    ranking_ : intp (n_features,), the chosen columns, first choice first.
    relevance_ : float64 (columns,), mutual information with the label in bits, or F.
    lower_, upper_ : float64 (columns,), the limits between the three states.
    """

    def __init__(
        self, n_features: int = 64, *, criterion: str = "MID", discretise: bool = True
    ) -> None:
        self.n_features = n_features
        self.criterion = criterion
        self.discretise = discretise

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> MRMRSelector:
        """Choose n_features columns of X (n, columns) for the labels y (n,).

        SelectionError for too few columns, an unknown criterion, or labels that give
        no relevance; ValueError of scikit-learn for X or y that are not usable.
        """
        values, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        if not 1 <= self.n_features <= values.shape[1]:
            raise SelectionError(
                f"Cannot choose {self.n_features} of {values.shape[1]} feature(s); "
                f"n_features must lie between 1 and {values.shape[1]}."
            )
        classes = np.unique(labels, return_inverse=True)[1]
        if not classes.any():
            raise SelectionError("All labels are the same; give two labels or more.")
        if self.criterion == "FCQ":
            self.relevance_, redundancy_with, score = _correlation_terms(values, classes)
        elif self.criterion in ("MID", "MIQ"):
            states = self._states(values) if self.discretise else values
            self.relevance_, redundancy_with = _information_terms(states, classes)
            score = _difference if self.criterion == "MID" else _peng_quotient
        else:
            raise SelectionError(
                f"There is no criterion {self.criterion!r}; choose MID, MIQ or FCQ."
            )
        self.ranking_ = _greedy(self.relevance_, redundancy_with, score, self.n_features)
        return self

    def _states(self, X: Floats) -> Floats:
        """The states -1, 0, 1 of X (n, columns): below, within, above mean -/+ one deviation."""
        mean, deviation = X.mean(axis=0), X.std(axis=0, ddof=1)
        self.lower_, self.upper_ = mean - deviation, mean + deviation
        states: Floats = (X > self.upper_).astype(np.float64) - (X < self.lower_)
        return states

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.ranking_] = True
        return mask

    def get_support(self, indices: bool = False) -> npt.NDArray[np.bool_] | npt.NDArray[np.intp]:
        """The mask (columns,) of the chosen columns, or their indices in mRMR order."""
        mask = self._get_support_mask()
        return self.ranking_.copy() if indices else mask

    def get_feature_names_out(
        self, input_features: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.object_]:
        """Names of the chosen columns in mRMR order: (n_features,)."""
        # in column order
        names: npt.NDArray[np.object_] = super().get_feature_names_out(input_features)
        places = np.argsort(np.argsort(self.ranking_))  # of the chosen columns among the names
        return names[places]

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """The chosen columns of X (n, columns) in mRMR order: (n, n_features)."""
        check_is_fitted(self)
        values: npt.NDArray[np.generic] = validate_data(self, X, dtype=None, reset=False)
        return values[:, self.ranking_]

    def inverse_transform(self, X: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Chosen columns X (n, n_features) put back, zeros elsewhere: (n, columns).

        SelectionError for another number of columns.
        """
        check_is_fitted(self)
        chosen: npt.NDArray[np.generic] = check_array(X, dtype=None)
        if chosen.shape[1] != len(self.ranking_):
            raise SelectionError(
                f"Cannot put back {chosen.shape[1]} columns; {len(self.ranking_)} were chosen."
            )
        whole = np.zeros((len(chosen), self.n_features_in_), dtype=chosen.dtype)
        whole[:, self.ranking_] = chosen
        return whole


def _greedy(
    relevance: Floats, redundancy_with: Callable[[int], Floats], score: Criterion, count: int
) -> npt.NDArray[np.intp]:
    """Columns in the order chosen: most relevant first, then the best score each time.

    `redundancy_with(j)` gives the redundancy (columns,) of every column with
    column j; their mean over the chosen ones is kept as a running sum. Among
    equal scores the one that comes first in Peng's pool wins.
    """
    pool = _pool_order(relevance)
    chosen = [pool[0]]
    total = np.zeros_like(relevance)
    while len(chosen) < count:
        total += redundancy_with(chosen[-1])
        scores = score(relevance, total / len(chosen))
        scores = np.where(np.isnan(scores), -np.inf, scores)
        pool = pool[pool != chosen[-1]]
        best = scores[pool] >= scores[pool].max() - TIE
        chosen.append(pool[np.argmax(best)])
    return np.array(chosen, dtype=np.intp)


def _pool_order(relevance: Floats) -> npt.NDArray[np.intp]:
    """The order in which Peng's program goes through the columns: falling relevance.

    Duplicate columns tie in every score. The choice among them then follows from the
    unstable quicksort of his program: single precision, median of three, insertion sort
    for stretches of at most seven. This function repeats it, so that the orders agree to
    the last column.
    """
    key = -relevance.astype(np.float32)
    order = np.arange(len(key))
    waiting = [(0, len(key) - 1)]
    while waiting:
        low, high = waiting.pop()
        if high - low < SHORT_STRETCH:
            stretch = order[low : high + 1]
            order[low : high + 1] = stretch[np.argsort(key[stretch], kind="stable")]
        else:
            middle = _partition(key, order, low, high)
            waiting += [(low, middle - 1), (middle + 1, high)]
    return order


def _partition(
    key: npt.NDArray[np.float32], order: npt.NDArray[np.intp], low: int, high: int
) -> int:
    """Split order[low..high] in place about a median of three keys; the pivot's final place."""

    def swap(first: int, second: int) -> None:
        order[first], order[second] = order[second], order[first]

    swap((low + high) // 2, low + 1)
    for first, second in ((low + 1, high), (low, high), (low + 1, low)):
        if key[order[first]] > key[order[second]]:
            swap(first, second)
    pivot = key[order[low]]
    left, right = low + 1, high
    while True:
        left, right = left + 1, right - 1
        while key[order[left]] < pivot:
            left += 1
        while key[order[right]] > pivot:
            right -= 1
        if right < left:
            break
        swap(left, right)
    swap(low, right)
    return right


def _information_terms(
    states: Floats, classes: npt.NDArray[np.intp]
) -> tuple[Floats, Callable[[int], Floats]]:
    """Mutual information (bits) of each column with the classes, and of all columns with one.

    Columns become one indicator block a state, so that all joint counts with one
    variable are a single matrix product; I = log n + (sum over the joint counts
    of c log c, less the same sums over both marginals) / n.
    """
    n, columns = states.shape
    levels = np.unique(states)
    indicators = np.concatenate([states == level for level in levels], axis=1)
    indicators = indicators.astype(np.float32)  # (n, levels * columns), level by level
    c_log_c = xlogy(np.arange(n + 1), np.arange(n + 1)) / np.log(2.0)

    def marginal(blocks: npt.NDArray[np.float32], width: int) -> Floats:
        counts = blocks.sum(axis=0, dtype=np.float64).astype(np.intp)
        terms: Floats = c_log_c[counts].reshape(-1, width).sum(axis=0)
        return terms

    column_terms = marginal(indicators, columns)

    def information(variable: npt.NDArray[np.float32], term: float) -> Floats:
        counts = variable.T @ indicators  # (states of it, levels * columns), exact below 2**24
        joint = c_log_c[counts.astype(np.intp)].reshape(-1, columns).sum(axis=0)
        bits: Floats = np.log2(n) + (joint - term - column_terms) / n
        return bits

    def redundancy_with(column: int) -> Floats:
        return information(indicators[:, column::columns], column_terms[column])

    label = np.eye(classes.max() + 1, dtype=np.float32)[classes]
    return information(label, marginal(label, 1)[0]), redundancy_with


def _correlation_terms(
    X: Floats, classes: npt.NDArray[np.intp]
) -> tuple[Floats, Callable[[int], Floats], Criterion]:
    """F statistic of each column, |correlation| of all columns with one, and the quotient.

    A constant column has no F; its relevance is minus infinity, so it is chosen
    last. SelectionError where no label repeats: F divides by the variance within labels.
    """
    if classes.max() + 1 == len(classes):
        raise SelectionError(
            "FCQ compares rows that share a label, and here every label is distinct; "
            "choose MID or MIQ."
        )
    centred = X - X.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    alive = length > 1e-12 * max(1.0, float(np.abs(X).max()))
    relevance = np.full(X.shape[1], -np.inf)
    relevance[alive] = f_classif(X[:, alive], classes)[0]
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=alive)

    def redundancy_with(column: int) -> Floats:
        return np.asarray(np.abs(unit.T @ unit[:, column]), dtype=np.float64)

    return relevance, redundancy_with, _floored_quotient
