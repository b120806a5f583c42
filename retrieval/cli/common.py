"""What several commands share: arguments, progress, results in JSON, warnings."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retrieval.errors import RetrievalError
from retrieval.evaluation import progress as steps
from retrieval.storage import Json

if TYPE_CHECKING:
    from retrieval.archives.archive import Archive
    from retrieval.reading.sandbox import Decoder
    from retrieval.reading.scan import Scan

UNKNOWN_PATIENTS = "Patients are not known; intervals are over pictures."
BYTES = 1e6  # counted in megabytes


class Headed(click.Group):
    """A group whose help lists commands in whole sentences, under headings where it has some."""

    def __init__(
        self,
        name: str | None = None,
        headings: Mapping[str, Sequence[click.Command]] | None = None,
        **more: Any,
    ) -> None:
        """Take the commands of `headings`; the other arguments are those of a click.Group."""
        super().__init__(name, **more)
        self.headings = headings or {}
        for command in (one for listed in self.headings.values() for one in listed):
            self.add_command(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list for each heading."""
        widest = max(map(len, self.commands))
        for heading, listed in (self.headings or {"Commands": [*self.commands.values()]}).items():
            rows = [
                (f"{one.name:{widest}}", one.get_short_help_str(formatter.width * 2))
                for one in listed
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


class Words(click.ParamType[list[str]]):
    """Words with commas between them, at least one."""

    name = "words"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """The words of a text, without the spaces around them."""
        words = [word.strip() for word in value.split(",") if word.strip()]
        return words or self.fail("name at least one, with commas between several", param, ctx)


PATH = click.Path(path_type=Path)
WORDS = Words()

archive_argument = click.argument("archive", help="Archive folder, or a shipped archive's name.")
folder_argument = click.argument(
    "folder", type=PATH, help="Folder with images.csv, or with one sub-folder a label."
)
files_argument = click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILE...")
json_option = click.option("--json", "out", type=PATH, metavar="OUT", help="File to write.")
bits_option = click.option("--bits", type=int, help="Code length; default: the model's.")
queries_option = click.option("--queries", required=True, help="Folder of pictures, or an archive.")
pictures_option = click.option("--queries", type=PATH, required=True, help="Folder of pictures.")


def split_option(default: str | None = None) -> Callable[..., Any]:
    """The option that names the splits whose queries ask."""
    return click.option(
        "--split",
        type=WORDS,
        default=default,
        show_default=True,
        metavar="SPLITS",
        help="Only queries of these splits, such as train,val.",
    )


def one_split_option(default: str) -> Callable[..., Any]:
    """The option that names the one split whose queries ask."""
    return click.option(
        "--split", default=default, show_default=True, help="Only queries of this split."
    )


def progress(what: str) -> Callable[..., None]:
    """A counter of `what`: lines of data in the file that the environment names, or words."""
    file = os.environ.get(steps.VARIABLE)
    return steps.counter(Path(file), what) if file else Line(what)


@dataclass
class Line:
    """How far some work is, on stderr: one line rewritten on a terminal, else each tenth part.

    unit : what `done` and `total` are divided by, 1 or BYTES. The rate is that since the first
    call: what came before may have been the work of an earlier run.
    """

    what: str
    unit: float = 1
    clock: Callable[[], float] = time.monotonic
    begun: tuple[int, float] | None = None  # what was done at the first call, and when that was
    tenth: int = -1

    def __call__(self, done: int, total: int, *more: object) -> None:
        """Say that `done` of `total` are done; of `more`, numbers such as a loss are shown."""
        now = self.clock()
        tenth = 10 * done // total if total else 0
        begun = self.begun or (done, now)
        shown = "".join(f" {value:.4f}" for value in more if isinstance(value, float))
        text = self._counted(done, total) + shown + self._pace(begun, done, total, now)
        if sys.stderr.isatty():
            click.echo(f"\r{text:<70}", err=True, nl=done == total)
        elif tenth > self.tenth and (tenth or self.unit == BYTES):
            click.echo(text, err=True)
        self.begun, self.tenth = begun, tenth

    def _counted(self, done: int, total: int) -> str:
        if self.unit == 1:
            return f"{self.what} {done} of {total}"
        whole = f" of {total / self.unit:.1f}" if total else ""
        return f"{self.what}: {done / self.unit:.1f}{whole} MB"

    def _pace(self, begun: tuple[int, float], done: int, total: int, now: float) -> str:
        """The rate and the remaining time; nothing before both can be known."""
        first, start = begun
        if done <= first or now <= start:
            return ""
        rate = (done - first) / (now - start)  # a second
        left = f"  {duration((total - done) / rate)} left" if total > done else ""
        counted, name = rate / self.unit, "" if self.unit == 1 else " MB"
        slow = counted < 1
        return f"  {60 * counted if slow else counted:.1f}{name}/{'min' if slow else 's'}{left}"


def duration(seconds: float) -> str:
    """A time in words, such as "1 min 17 s"."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def download_progress() -> Callable[[int, int, str], None]:
    """A counter of bytes for each thing that is fetched or made."""
    lines: dict[str, Line] = {}

    def show(done: int, total: int, what: str) -> None:
        lines.setdefault(what, Line(what, BYTES))(done, total)

    return show


def require_writable(path: Path | None) -> None:
    """Refuse a place that no result can be written to before the long work."""
    from retrieval.evaluation import results

    if path is not None:
        results.require_place(path)


def finish(out: Path | None, found: Json, lines: Iterable[str]) -> None:
    """Write a result where that is asked for, then print it in words."""
    from retrieval.evaluation import results

    if out is not None:
        results.write_result(out, found)
    for line in lines:
        click.echo(line)


def decoder() -> Decoder:
    """A decoder for files from elsewhere, in a process of its own."""
    from retrieval.reading.sandbox import Decoder

    return Decoder()


def warn(text: str) -> None:
    """Say one sentence on stderr."""
    click.echo(text, err=True)


def looks(pictures: Iterable[tuple[Path, Scan]], archive: Archive) -> list[str]:
    """What says that pictures do not look like what the archive holds; each is said on stderr."""
    from retrieval.trust.input_check import InputCheck

    said: list[str] = []
    gate = None
    for file, scan in pictures:
        try:
            gate = gate or InputCheck.load()
            warnings = gate.check(scan.pixels).warnings(archive.about["modality"])
        except RetrievalError as error:  # it warns, and stops nothing
            warn(str(error))
            return said
        for warning in warnings:
            warn(f"{file.name}: {warning}")
            said.append(warning)
    return said


def resampled(queries: str | Path, splits: Sequence[str] | None) -> str:
    """What the intervals of a measurement are over: "patients", or "pictures" without any known."""
    from retrieval.data.folder import Folder, names_patient
    from retrieval.evaluation.queries import in_splits, source_of

    source = source_of(str(queries), splits)
    if isinstance(source, Folder):
        known = any(case.patient_id for case in source.cases)
    else:
        groups = source.catalogue.column("patient_id")[in_splits(source, splits)]
        known = any(map(names_patient, groups.tolist()))
    return "patients" if known else "pictures"
