"""One visitor of the pages without a browser, who does what each line of input says.

Run as a file in the folder of any checkout: `python -P visitor.py SCAN [ARCHIVE]`. It imports
nothing of the project and opens `pages/frame.py` of the folder it is started in, so that
`python -m retrieval bench page` can compare a checkout with an older one. Each line names a
step, and is answered by one line of JSON. The steps are `paint` (open the Search page), `upload`
(give it the scan), `rerun` (run the page again, as a click does) and a page's file name.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner

FRAME = Path("pages") / "frame.py"
TIMEOUT = 120.0  # seconds of one step


class Meter:
    """Counts what the process opens, and times the script that makes a page.

    opened : archives, each by the one connection to its catalogue; read : manifests of archives.
    """

    def __init__(self) -> None:
        self.opened = 0
        self.read = 0
        self.seconds = 0.0
        sys.addaudithook(self._count)

    def _count(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect":
            self.opened += "catalogue" in str(arguments[0])
        elif event == "open":
            self.read += str(arguments[0]).endswith("archive.json")

    def install(self) -> None:
        """Time each run of a script, without what only a test does around it.

        A server compiles a page once; AppTest compiles it anew for each run.
        """
        runner, compiled = local_script_runner.LocalScriptRunner, ScriptCache()
        run = runner._run_script_thread

        def timed(one: local_script_runner.LocalScriptRunner) -> None:
            started = time.perf_counter()
            try:
                run(one)
            finally:
                self.seconds = time.perf_counter() - started

        patch.object(runner, "_run_script_thread", timed).start()
        for module in (app_test, local_script_runner):
            patch.object(module, "ScriptCache", lambda: compiled).start()


class Visitor:
    """The pages as one visitor has them open."""

    def __init__(self, scan: bytes, archive: str) -> None:
        self._scan, self._archive = scan, archive
        self._app = self._opened()

    def _opened(self) -> AppTest:
        app = AppTest.from_file(str(FRAME.resolve()), default_timeout=TIMEOUT)
        if self._archive:
            app.query_params["archive"] = self._archive
        return app

    def do(self, step: str) -> AppTest:
        """Take one step; the page as it then is."""
        if step == "paint":
            self._app = self._opened().run()
        elif step == "upload":
            self._app = self._app.file_uploader[0].upload("scan", self._scan).run()
        elif step == "rerun":
            self._app = self._app.run()
        else:
            self._app = self._app.switch_page(step).run()
        return self._app


def main(scan: str, archive: str = "") -> None:
    """Answer each line of the input with the step's time, counts and matches with a card."""
    logging.disable(logging.WARNING)  # Streamlit's, of running without a server
    meter, visitor = Meter(), Visitor(Path(scan).read_bytes(), archive)
    meter.install()
    for line in sys.stdin:
        before = meter.opened, meter.read
        app = visitor.do(line.strip())
        answer = {
            "ms": 1000 * meter.seconds,
            "opened": meter.opened - before[0],
            "read": meter.read - before[1],
            "cards": sum(button.label == "Compare" for button in app.button),
            "failed": [error.value for error in (*app.exception, *app.error)],
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
