"""The command line, one module for each kind of command; `program` puts them together.

Each command imports what it needs when it runs, so that --help is instant.
"""
