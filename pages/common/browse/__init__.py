"""The map of an archive."""
