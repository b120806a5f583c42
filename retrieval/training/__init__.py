"""How networks are trained: one loop, its losses and checkpoints, and a task for each encoder.

A search needs nothing of this folder. `jobs` runs a training and writes the result as a model.
"""
