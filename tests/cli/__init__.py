"""Tests of `retrieval.cli`."""
