"""Commands called within this process, where torch is loaded already."""

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from retrieval.__main__ import main


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


def call(*arguments, expect=0):
    """Run one command, which must end with the exit status `expect`."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    done = Done(out.getvalue(), err.getvalue())
    assert status == expect, done
    return done
