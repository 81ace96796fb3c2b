"""A lock on a folder for one process at a time: a lock of the operating system, which dies with its process.

The lock is a file beside the folder, so that the folder itself can be swapped whole; where nothing can be written
beside it, inside of it. Its holder removes it. A file that a killed process left behind locks nothing.
"""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mfh.errors import InputError
from mfh.io.atomic import plain_name

_POLL_S = 0.1
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_HELD = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)
"""Returned by some network file systems, which have no locks."""


@contextmanager
def folder_lock(folder: Path | str, *, wait_s: float) -> Iterator[None]:
    """Hold a folder for the time of a block: no other process, and no other thread, holds it at the same time.

    Different paths to one folder (links, ".." and the like) are one lock. One thread cannot hold it twice. Where the
    file system has no locks, there is none.

    Args:
        folder: need not exist; the folder it lies in is made.
        wait_s: how long to wait for its holder; 0 to fail at once.

    Raises:
        InputError: where another process holds it, or neither the folder nor what it lies in can be written to.
    """
    folder = Path(folder)
    try:
        path, handle = _held(folder.resolve(), time.monotonic() + wait_s)
    except TimeoutError as error:
        waited = f" for {wait_s:g} s" if wait_s > 0 else ""
        raise InputError(
            f"folder {folder} is being written to by another process{waited}: wait until it is done, or choose another"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"folder {folder} cannot be written to ({reason}): choose another") from error
    try:
        yield
    finally:
        # Removed while it is held: a process that opened it meanwhile finds another file at the path and retries.
        if os.name == "nt":
            os.close(handle)
        with suppress(OSError):
            path.unlink()
        if os.name != "nt":
            os.close(handle)


def _held(folder: Path, until: float) -> tuple[Path, int]:
    """Return the lock file, and its open handle with the lock.

    Raises:
        TimeoutError: where it is still held by another when the time is over.
        OSError: where it cannot be made.
    """
    while True:
        path, handle = _opened(folder)
        try:
            if _try_lock(handle):
                if _is_still(path, handle):
                    return path, handle
            elif time.monotonic() >= until:
                raise TimeoutError
            else:
                time.sleep(_POLL_S)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _opened(folder: Path) -> tuple[Path, int]:
    """Return the lock file and a handle: beside the folder, or in it where nothing can be written beside it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    beside = folder.parent / f".{plain_name(folder.name)}.lock"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return beside, os.open(beside, flags, 0o666)
    except OSError as error:
        if error.errno not in _REFUSED or not folder.is_dir():
            raise
        inside = folder / ".lock"
        return inside, os.open(inside, flags, 0o666)


def _is_still(path: Path, handle: int) -> bool:
    """Return whether a path is the file that is open: an earlier holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        """Take the lock of an open file; False where another has it."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        """Take the lock of an open file; False where another has it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return False
            if error.errno not in _NO_LOCKS:
                raise
        return True
