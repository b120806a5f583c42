"""What every page stands on: texts, colours, the engine, archives, pictures."""
