"""How well an archive answers labelled queries."""
