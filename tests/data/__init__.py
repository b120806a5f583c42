"""Tests of `retrieval.data`."""
