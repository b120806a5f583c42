"""Results in tables and on paper: stored evaluations, cards, curves, the page of a search.

This folder measures nothing; it prints given or stored results.
"""
