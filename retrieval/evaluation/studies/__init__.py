"""Measurements of archives and models beyond `evaluation`: one question, one module.

Nothing here is needed to search.
"""
