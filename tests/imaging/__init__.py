"""Tests of `retrieval.imaging`."""
