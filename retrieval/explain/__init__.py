"""Why two pictures are near."""
