"""How far to believe a list."""
