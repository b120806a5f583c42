"""Results compared with stored ones, which are rounded to six decimal places."""

import pytest

ROUNDED = 1e-6  # half of it by rounding; the last digit of a figure differs between processors


def assert_alike(found, stored):
    """The same names, texts and counts, and each number the stored one but for its rounding."""
    assert _words(found) == _words(stored)
    assert numbers(found) == pytest.approx(numbers(stored), abs=ROUNDED, rel=0)


def numbers(value):
    """All numbers of a JSON value, in order."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers(part)]
    return [] if value is None or isinstance(value, str) else [value]


def _words(value):
    """The same value with a mark for each number."""
    if isinstance(value, dict):
        return {key: _words(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_words(part) for part in value]
    return value if value is None or isinstance(value, str | bool) else "number"
