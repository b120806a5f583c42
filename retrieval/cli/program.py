"""All commands under their headings, and what becomes of their errors.

Exit 0; 1 with one sentence on stderr for anything the user can mend; 2 for wrong usage.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import click

from retrieval.cli.archives import add, index, map_archive, remove, verify
from retrieval.cli.common import Headed
from retrieval.cli.data import download, sample
from retrieval.cli.documents import document
from retrieval.cli.evaluating import bench, calibrate, evaluate
from retrieval.cli.searching import inspect, search
from retrieval.cli.studies import study
from retrieval.cli.training import prune, train
from retrieval.errors import RetrievalError

NAME = "python -m retrieval"
HEADINGS: dict[str, tuple[click.Command, ...]] = {
    "Archives": (index, add, remove, calibrate, map_archive, verify),
    "Searching": (search, inspect),
    "Models": (train, prune),
    "Data": (download, sample),
    "Measuring": (evaluate, study, document, bench),
}


def _say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the code's id, which results carry; it is computed for nothing else."""
    if not wanted or ctx.resilient_parsing:
        return
    from retrieval.evaluation.results import code_id

    click.echo(f"code {code_id()}")
    ctx.exit()


@click.group(cls=Headed, headings=HEADINGS)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Print which code this is.",
)
def program() -> None:
    """Find similar chest CT slices and chest X-rays, and measure how well that works."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the one of the process; the exit status."""
    # One thread: a second one waits for a busy neighbour longer than it ever saves.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):  # names may hold what a terminal cannot
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return program.main(arguments, prog_name=NAME, standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except RetrievalError as error:
        said = " ".join(str(error).split())  # a file's name may hold a line break
    except ModuleNotFoundError as error:
        said = (
            f"The package {error.name} is missing; use the environment of the README, "
            "such as .venv/bin/python."
        )
    except (click.Abort, KeyboardInterrupt):
        said = "Stopped; nothing unfinished is in use, run the same command to go on."
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        said = f"{where}{error.strerror or error}; check the place and its free space."
    click.echo(said, err=True)
    return 1
