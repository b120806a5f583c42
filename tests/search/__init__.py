"""Tests of `retrieval.search`."""
