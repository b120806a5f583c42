"""The query: upload, region, examples, filters, and the visit's history."""
