"""Synthetic chests: a built-in sample of CT slices and X-rays, and a DICOM series.

The pictures are drawn to look like chests. They show no person and come from no scanner.
"""

from .findings import Finding
from .sample import SAMPLE_SEED, write_sample
from .series import write_ct_series

__all__ = ["SAMPLE_SEED", "Finding", "write_ct_series", "write_sample"]
