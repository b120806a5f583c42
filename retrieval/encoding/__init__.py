"""Scan -> features, by a network. Only this folder and `training` load torch."""
