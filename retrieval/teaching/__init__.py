"""Questions for a teaching session, and the reader's scores."""
