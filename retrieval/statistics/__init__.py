"""Figures of rankings, their intervals, and calibration."""
