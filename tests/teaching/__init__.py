"""Tests of `retrieval.teaching`."""
