"""python -m retrieval COMMAND: see `retrieval.cli`."""

import sys

from retrieval.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
