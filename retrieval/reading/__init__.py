"""Bytes of a file -> Scan."""
