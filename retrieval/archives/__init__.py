"""A collection of cases on disk."""
