"""Tests of `retrieval.archives`."""
