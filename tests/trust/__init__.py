"""Tests of `retrieval.trust`."""
