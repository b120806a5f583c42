"""Evaluations on screen: figures, curves, tables, exports."""
