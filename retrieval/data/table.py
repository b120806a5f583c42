"""Tables that describe pictures: comma-separated UTF-8 with the names of the columns on top."""

import contextlib
import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from retrieval.errors import DataError

Row: TypeAlias = Mapping[str, str]  # by column


def columns(table: Path) -> list[str]:
    """The names of a table's columns in lower case; DataError for a file that is no table."""
    with _opened(table) as (header, _):
        return header


def rows_of(table: Path, required: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Yield the line number and the stripped cells of every row that is not blank.

    DataError for a file that is no table, a missing `required` or repeated column, and a row
    with too many cells.
    """
    with _opened(table) as (header, lines):
        _check_header(table, header, required)
        for number, cells in lines:
            if any(cell.strip() for cell in cells):
                yield number, _row(table, number, header, cells)


@contextlib.contextmanager
def _opened(table: Path) -> Iterator[tuple[list[str], Iterator[tuple[int, list[str]]]]]:
    """The names of a table's columns in lower case, and its other lines: number and cells."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            yield header, ((reader.line_num, cells) for cells in reader)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(
            f"{table} could not be read as a table ({error}); save it as comma-separated UTF-8."
        ) from error


def _check_header(table: Path, header: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise DataError(
            f"{table} has no column {' and no column '.join(missing)}; "
            f"its first line must name at least {','.join(required)}, separated by commas."
        )
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise DataError(f"{table} has the column {repeated[0]} more than once; keep one of them.")


def _row(table: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) > len(header):
        raise DataError(
            f"Line {line} of {table} has {len(cells)} cells for {len(header)} columns; "
            "put a cell that contains a comma in double quotes."
        )
    return dict(zip(header, (cell.strip() for cell in cells), strict=False))
