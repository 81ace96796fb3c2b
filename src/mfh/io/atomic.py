"""Files that are either whole or not there: written to a temporary name in the same folder, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mfh.errors import InputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``path`` if the block succeeds and vanishes if it does not.

    The temporary name keeps the suffix, because writers choose their format by it.

    Args:
        path: the file to make or replace.

    Yields:
        A path in the same folder, so that the final rename never crosses a file system.

    Raises:
        InputError: when the folder is missing, not writable or full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another output folder") from error
    finally:
        temporary.unlink(missing_ok=True)


def make_writable_folder(folder: str | Path) -> Path:
    """Make a folder where needed and prove that files can be written into it, before any work is done.

    Args:
        folder: where output is going to be written.

    Returns:
        The folder.

    Raises:
        InputError: when it is a file, cannot be made, or refuses a file.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output folder {folder} is a file: expected a folder; choose another with --out")
    probe = folder / f".writable.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Only an attempt tells: permission bits say nothing on read-only mounts, or for root.
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"output folder {folder} is not writable ({error.strerror or error}): choose another with --out"
        ) from error
    return folder
