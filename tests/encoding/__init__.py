"""Tests of `retrieval.encoding`."""
