"""Tests of `retrieval.codes`."""
