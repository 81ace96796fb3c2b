"""Files that are either whole or not there: written to a temporary name in the same folder, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mfh.errors import InputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``path`` if the block succeeds and vanishes if it does not.

    The temporary name keeps the suffix, because writers choose their format by it.

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
        # Where the folder cannot be written, this is refused too, whether it is there or not.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(folder: str | Path) -> None:
    """Make a folder, and those it lies in, where they are not there yet.

    Raises:
        InputError: where it cannot be made.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror or error}; choose another with --out") from error


def check_writable(folder: str | Path) -> None:
    """Prove that files can be written into a folder before any work is done; the folder itself is not made.

    Args:
        folder: where output is going to be written; it and its parents need not exist yet.

    Raises:
        InputError: when it or a parent is a file, or the nearest folder that exists refuses a file.
    """
    folder = Path(folder).absolute()
    try:
        # A link that leads nowhere is there too: no folder can be made in its place.
        existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not os.path.isdir(existing):
            raise InputError(
                f"output folder {folder}: {existing} is a file or leads nowhere; choose another with --out"
            )
        # Only an attempt tells: permission bits say nothing on read-only mounts, or for root. Where the system can make
        # a file without a name, a kill leaves nothing.
        import tempfile

        with tempfile.TemporaryFile(dir=existing):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"output folder {folder} is not writable ({reason}): choose another with --out") from error
