"""How long the search page takes on the server: `python -m tests.pages.latency FILE [UPLOADS]`.

From the bytes received to the last card made, in one process without a browser,
after one upload to warm up. Each upload is another picture: the file's, slightly
changed, as a PNG.
"""

import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from retrieval.reading import decode
from retrieval.reading.sandbox import Decoder
from tests.pages.visiting import ranks, started


def changed(pixels, number):
    """A PNG of the picture with one grey level added at random places."""
    random = np.random.default_rng(number)
    levels = np.rint(pixels * 254) + (random.random(pixels.shape) < 0.01)
    buffer = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def main(file, uploads=12):
    """Print median, least and most of the warm uploads."""
    with Decoder() as decoder:
        pixels = decode.read(Path(file), decode=decoder.decode).pixels
    app, seconds = started(), []
    for number in range(uploads + 1):
        data = changed(pixels, number)
        start = time.perf_counter()
        app = app.file_uploader[0].upload("scan.png", data).run()
        seconds.append(time.perf_counter() - start)
        assert not app.exception and len(ranks(app)) == 10
    warm = sorted(1000 * one for one in seconds[1:])
    print(
        f"{uploads} warm uploads: median {np.median(warm):.0f} ms "
        f"({warm[0]:.0f} to {warm[-1]:.0f}); the first took {1000 * seconds[0]:.0f} ms"
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
