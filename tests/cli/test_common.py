"""Progress on a terminal, off it, and as data."""

import io
import json
from contextlib import redirect_stderr

import pytest

from retrieval.cli import common
from retrieval.evaluation import progress as steps


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self):
        return True


def said(calls, stream, **options):
    """What a Line writes of calls (seconds, done, total, ...)."""
    times = iter([seconds for seconds, *_ in calls])
    line = common.Line("Encoded", clock=lambda: next(times), **options)
    with redirect_stderr(stream):
        for _, *arguments in calls:
            line(*arguments)
    return stream.getvalue()


def test_a_terminal_has_one_line_with_rate_and_remaining_time():
    text = said([(5, 1, 746), (19.7, 120, 746), (25, 746, 746)], Terminal())
    first, middle, last = text.removeprefix("\r").removesuffix("\n").split("\r")
    assert first.rstrip() == "Encoded 1 of 746"  # one picture gives no rate
    assert middle.rstrip() == "Encoded 120 of 746  8.1/s  1 min 17 s left"
    assert last.rstrip() == "Encoded 746 of 746  37.2/s"
    assert len(first) == len(middle) == len(last) and text.count("\n") == 1


def test_off_a_terminal_every_tenth_part_is_said():
    lines = said([(n, n, 50) for n in range(1, 51)], io.StringIO()).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        f"Encoded {n} of 50" for n in range(5, 51, 5)
    ]
    assert lines[0] == "Encoded 5 of 50  1.0/s  45 s left"


def test_the_rate_leaves_out_what_an_earlier_run_did():
    lines = said([(0, 12, 24, 0.5), (60, 13, 24, 0.25)], Terminal()).split("\r")
    assert lines[1].rstrip() == "Encoded 12 of 24 0.5000"
    assert lines[2].rstrip() == "Encoded 13 of 24 0.2500  1.0/min  11 min 0 s left"


def test_bytes_are_counted_in_megabytes_and_their_total_may_be_unknown():
    calls = [(0, 0, 40_000_000), (2, 10_000_000, 40_000_000), (3, 11_000_000, 40_000_000)]
    assert said(calls, io.StringIO(), unit=common.BYTES).splitlines() == [
        "Encoded: 0.0 of 40.0 MB",
        "Encoded: 10.0 of 40.0 MB  5.0 MB/s  6 s left",
    ]
    endless = said([(0, 0, 0), (1, 3_000_000, 0)], io.StringIO(), unit=common.BYTES)
    assert endless == "Encoded: 0.0 MB\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (77, "1 min 17 s"), (7500, "2 h 5 min")],
)
def test_times_are_said_in_words(seconds, text):
    assert common.duration(seconds) == text


def test_whoever_started_the_command_may_get_its_progress_as_data(tmp_path, monkeypatch):
    file = tmp_path / "steps"
    monkeypatch.setenv(steps.VARIABLE, str(file))
    stream = io.StringIO()
    with redirect_stderr(stream):
        common.progress("Ranked")(3, 9)
    assert json.loads(file.read_text()) == {"what": "Ranked", "done": 3, "total": 9}
    assert not stream.getvalue()
