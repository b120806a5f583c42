"""The answer: ranked cards, reasons, and what a visitor takes away."""
