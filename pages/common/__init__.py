"""What the pages share: words, colours, cached resources, cards and charts."""
