"""Tests of `retrieval.statistics`."""
