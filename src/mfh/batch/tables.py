"""Rows in Parquet files: written whole or not at all, and read in blocks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from mfh.batch.rows import Row
from mfh.errors import BackendError, InputError
from mfh.io.atomic import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BLOCK = 16_384


def need_tables() -> None:
    """Refuse to begin without the library that writes the rows.

    Raises:
        BackendError: where it is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise BackendError("mfh batch writes Parquet: pip install 'metric-from-human[batch]'") from error


def schema() -> "pa.Schema":
    """Return the columns of the rows: those of :class:`~mfh.batch.rows.Row`, in its order."""
    import pyarrow as pa

    hints = get_type_hints(Row)
    kinds = {float: pa.float64(), float | None: pa.float64(), int | None: pa.int64()}
    return pa.schema([(one.name, kinds.get(hints[one.name], pa.string())) for one in fields(Row)])


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as one file.

    Args:
        path: ends with .parquet.
        rows: in the order of the file.

    Raises:
        InputError: where it cannot be written.
    """
    import pyarrow as pa

    write_blocks(path, [pa.Table.from_pylist([asdict(row) for row in rows], schema=schema())])


def write_blocks(path: Path, tables: Iterable["pa.Table"], *, rows_at_once: int | None = None) -> None:
    """Write tables of rows as one file, one after the other.

    Args:
        path: ends with .parquet.
        tables: each becomes a group of rows.
        rows_at_once: most rows of a group.

    Raises:
        InputError: where it cannot be written.
    """
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema(), compression="zstd") as writer:
        for table in tables:
            writer.write_table(table, rows_at_once)


def open_table(path: Path) -> "pq.ParquetFile":
    """Open a file of :func:`write_rows`.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: where it is not there.
        InputError: for a damaged or foreign file.
    """
    import pyarrow.parquet as pq

    with _damaged(path):
        file = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
    if not file.schema_arrow.equals(schema()):
        file.close()
        raise InputError(f"{path} has other columns than mfh batch writes: choose another folder with --out")
    return file


def blocks_of(
    file: "pq.ParquetFile", path: Path, rows: int, columns: Sequence[str] | None = None
) -> Iterator["pa.Table"]:
    """Yield the rows of a file in tables.

    Args:
        file: open.
        path: names it in errors.
        rows: most of a table.
        columns: those that are needed; None for all.

    Raises:
        InputError: for a damaged file.
    """
    import pyarrow as pa

    with _damaged(path):
        # Threads would keep memory of their own, for files this small.
        for batch in file.iter_batches(rows, columns=None if columns is None else list(columns), use_threads=False):
            yield pa.Table.from_batches([batch])


def read_table(path: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """Return rows from a file of :func:`write_rows`.

    Args:
        path: the file.
        columns: those that are needed; None for all.

    Raises:
        FileNotFoundError: where it is not there.
        InputError: for a damaged or foreign file.
    """
    with open_table(path) as file, _damaged(path):
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is damaged ({error}): expected rows of mfh batch; remove it") from error


def parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of any Parquet file.

    Args:
        path: the file.

    Raises:
        InputError: for a file that is none.
        BackendError: where the library is not installed.
    """
    need_tables()
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for block in file.iter_batches(_BLOCK):
                yield from block.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error}): expected a table with a column path") from error
