"""Results in tables and on paper: what ships in assets/results, cards, curves, a search's page.

Nothing is measured here; what is printed was handed over or stored before.
"""
