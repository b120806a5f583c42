"""Tests of `retrieval.explain`."""
