"""How networks learn: one loop, its losses and checkpoints, and what each encoder is taught.

Nothing here is needed to search. `learning` asks for it and puts the result into a model.
"""
