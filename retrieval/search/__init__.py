"""One query, one ranked list."""
