"""A teaching session: question, answer, review."""
