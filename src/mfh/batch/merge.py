"""Rows of many files as one sequence, sorted by id, the last of each id, in memory that hardly grows with their number.

Some thousand rows are sorted at once, and wait in a file. These files are then read side by side, some hundred rows of
each.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from mfh.batch.tables import blocks_of, open_table, schema, write_blocks
from mfh.io.atomic import make_folder

if TYPE_CHECKING:
    import pyarrow as pa

SORTED_AT_ONCE = 8192
"""Rows; a file of more was written by this module, and is sorted."""
_READ_AT_ONCE = 512


def merged(paths: Sequence[Path], scratch: Path, columns: Sequence[str] | None = None) -> Iterator["pa.Table"]:
    """Yield the rows of files in blocks.

    Args:
        paths: of files of rows, the oldest first; those that are not there count as empty. The first is opened last:
            the rows of a file that vanishes meanwhile, as another process has merged it, are in that one.
        scratch: folder for sorted rows, which is made where it is needed, and removed.
        columns: that are needed, "id" among them; None for all.

    Raises:
        InputError: for a damaged or foreign file.
    """
    rmtree(scratch, ignore_errors=True)
    with ExitStack() as stack:
        stack.callback(rmtree, scratch, ignore_errors=True)
        newer = _runs(paths[1:], columns, scratch, stack)
        yield from _woven([*_runs(paths[:1], columns, scratch, stack), *newer])


def write_merged(path: Path, paths: Sequence[Path], scratch: Path) -> None:
    """Write the rows of files as one file, sorted by id, the last of each id.

    Args:
        path: ends with .parquet; may be one of the files.
        paths: the files, the oldest first.
        scratch: as of :func:`merged`.

    Raises:
        InputError: where one cannot be read, or the file cannot be written.
    """
    write_blocks(path, of_size(merged(paths, scratch), SORTED_AT_ONCE))


def of_size(tables: Iterable["pa.Table"], rows: int) -> Iterator["pa.Table"]:
    """Yield the rows of tables in tables of one size; the last may be smaller.

    Args:
        tables: of any size.
        rows: of each.
    """
    import pyarrow as pa

    held = schema().empty_table()
    for table in tables:
        held = pa.concat_tables([held, table])
        while len(held) >= rows:
            # Copied: a slice keeps all that it was cut from.
            yield held.slice(0, rows).combine_chunks()
            held = held.slice(rows).combine_chunks()
    if len(held):
        yield held.combine_chunks()


def _runs(
    paths: Sequence[Path], columns: Sequence[str] | None, scratch: Path, stack: ExitStack
) -> list[Iterator["pa.Table"]]:
    """Return sorted sequences of rows that together are those of files, the oldest first."""
    runs: list[Iterator[pa.Table]] = []
    few: list[pa.Table] = []

    def put_aside() -> None:
        if few:
            make_folder(scratch)
            path = scratch / f"{len(runs):06d}.parquet"
            write_blocks(path, [_last_of_each(few)], rows_at_once=_READ_AT_ONCE)
            runs.append(blocks_of(stack.enter_context(open_table(path)), path, _READ_AT_ONCE, columns))
            few.clear()

    for path in paths:
        try:
            file = stack.enter_context(open_table(path))
        except FileNotFoundError:
            continue
        if file.metadata.num_rows > SORTED_AT_ONCE:
            put_aside()
            runs.append(blocks_of(file, path, _READ_AT_ONCE, columns))
            continue
        few += blocks_of(file, path, SORTED_AT_ONCE)
        file.close()
        if sum(map(len, few)) >= SORTED_AT_ONCE:
            put_aside()
    if few:
        runs.append(iter([_last_of_each(few).select(list(columns or schema().names))]))
    return runs


def _woven(runs: Sequence[Iterator["pa.Table"]]) -> Iterator["pa.Table"]:
    """Yield the rows of sorted sequences in order; of equal ids that of the last sequence."""
    heads = {number: head for number, run in enumerate(runs) if (head := next(run, None)) is not None}
    while heads:
        # What comes later of any sequence is beyond this id.
        bound = min(head.column("id")[-1].as_py() for head in heads.values())
        taken = []
        for number, head in list(heads.items()):
            count = bisect_right(head.column("id"), bound, key=lambda one: one.as_py())
            taken.append(head.slice(0, count))
            rest = head.slice(count) if count < len(head) else next(runs[number], None)
            if rest is None:
                del heads[number]
            else:
                heads[number] = rest
        yield _last_of_each(taken)


def _last_of_each(tables: Sequence["pa.Table"]) -> "pa.Table":
    """Return the rows of tables sorted by id, the last of each id."""
    import pyarrow as pa

    table = pa.concat_tables(tables)
    ids = table.column("id").to_pylist()
    # Later rows of one id replace earlier ones.
    last = {name: number for number, name in enumerate(ids)}
    return table.take(pa.array([last[name] for name in sorted(last)], pa.int64())).combine_chunks()
