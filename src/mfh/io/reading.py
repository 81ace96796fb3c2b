"""The one door for files from outside: limits before anything is decoded, and one line for any failure.

Every file that a user names is read through here: text, JSON, arrays and archives (pictures have
:mod:`mfh.io.pictures`, which uses this). A file may be damaged, foreign or hostile, and its decoder may then raise any
exception. :func:`reading` turns each into one line that names the file and what was expected of it. ``what`` is what
the file is to the user ("relative depth", or empty), ``expected`` what it should be, ``error`` the class raised.
"""

import io
import json
import math
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from mfh.errors import InputError, MfhError, kind_and_message, shown

MAX_TEXT_BYTES = 64 << 20
"""Largest text or JSON file that is read."""
MAX_ARRAY_BYTES = 1 << 30
"""Largest array, or all arrays of one archive, once decoded: a map of 100 megapixels in double precision has 0.8 GB."""
MAX_DEPTH = 64
"""Deepest nesting of JSON."""
_MAX_MEMBERS = 10_000
_MAX_DIMENSIONS = 8
_MAX_DIGITS = 300
_MAX_HEADER_BYTES = 10_000
_STRING = re.compile(r'"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z)', re.DOTALL)
"""An unclosed string extends to the end: searching a closing mark from each opening one would take quadratic time."""
_BRACKET = re.compile(r"[\[\]{}]")


@contextmanager
def reading(path: Path | str, *, what: str, expected: str, error: type[MfhError] = InputError) -> Iterator[None]:
    """Turn any failure to read a file into one line: which file, what went wrong, what it was expected to be.

    Errors of this package pass unchanged: they are such lines already. ``expected`` may continue with what to do.
    """
    named = f"{what} {shown(path)}".strip()
    try:
        yield
    except MfhError:
        raise
    except FileNotFoundError as cause:
        raise error(f"no such file: {named}; expected {expected}") from cause
    except OSError as cause:
        # A system's own error has a number; a decoder's has not, and is about what the file holds.
        if cause.errno is None:
            raise error(f"{named} is damaged ({kind_and_message(cause)}): expected {expected}") from cause
        raise error(f"cannot read {named}: {cause.strerror or cause}; expected {expected}") from cause
    except MemoryError as cause:
        raise error(f"{named} needs more memory than there is: expected {expected}") from cause
    except Exception as cause:
        raise error(
            f"{named} is damaged or of another kind ({kind_and_message(cause)}): expected {expected}"
        ) from cause


def check_file(
    path: Path | str, *, what: str, expected: str, max_bytes: int | None = None, error: type[MfhError] = InputError
) -> Path:
    """Return the path, or refuse it before any decoder runs: a folder, a pipe or device, an empty or too large file."""
    named = f"{what} {shown(path)}".strip()
    with reading(path, what=what, expected=expected, error=error):
        path = Path(path)
        try:
            facts = path.stat()
        except ValueError as cause:
            raise error(f"{what} {str(path)!r} is no file name ({cause}): expected {expected}".strip()) from cause
        if stat.S_ISDIR(facts.st_mode):
            raise error(f"{named} is a folder: expected {expected}")
        if not stat.S_ISREG(facts.st_mode):
            raise error(f"{named} is not a regular file: expected {expected}")
        if facts.st_size == 0:
            raise error(f"{named} is empty (0 bytes): expected {expected}")
        if max_bytes is not None and facts.st_size > max_bytes:
            raise error(f"{named} has {facts.st_size:,} bytes: expected {expected}, of {max_bytes:,} bytes at most")
    return path


def read_text(
    path: Path | str,
    *,
    what: str,
    expected: str,
    max_bytes: int = MAX_TEXT_BYTES,
    error: type[MfhError] = InputError,
) -> str:
    """Read a UTF-8 text file, with or without a byte order mark."""
    path = check_file(path, what=what, expected=expected, max_bytes=max_bytes, error=error)
    with reading(path, what=what, expected=expected, error=error):
        return path.read_bytes().decode("utf-8-sig")


def read_json(
    path: Path | str,
    *,
    what: str,
    expected: str,
    finite: bool = True,
    max_bytes: int = MAX_TEXT_BYTES,
    error: type[MfhError] = InputError,
) -> Any:
    """Read a JSON file, with bounds on nesting and numbers; the caller checks its value inside :func:`reading`.

    NaN and Infinity are read only where ``finite`` is False.
    """
    text = read_text(path, what=what, expected=expected, max_bytes=max_bytes, error=error)
    with reading(path, what=what, expected=expected, error=error):
        return parse_json(text, finite=finite)


def parse_json(text: str, *, finite: bool = True) -> Any:
    """Return the value of a JSON text, as :func:`read_json` does.

    Args:
        text: at most a few megabytes.
        finite: False reads NaN and Infinity too, which Python writes and JSON does not know.

    Raises:
        ValueError: for what is not JSON, nested deeper than 64, or has numbers that are not finite or absurdly long.
    """
    deepest = max(accumulate(1 if mark in "[{" else -1 for mark in _BRACKET.findall(_STRING.sub("", text))), default=0)
    if deepest > MAX_DEPTH:
        raise ValueError(f"JSON nested {deepest:,} deep, {MAX_DEPTH} at most is read")
    constant = _no_number if finite else float
    return json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=constant)


def read_npy(
    path: Path | str,
    *,
    what: str,
    expected: str,
    max_bytes: int = MAX_ARRAY_BYTES,
    error: type[MfhError] = InputError,
) -> Shaped[ndarray, "..."]:
    """Read one array of numbers from npy, refusing objects and sizes that the file cannot hold before decoding."""
    path = check_file(path, what=what, expected=expected, error=error)
    with reading(path, what=what, expected=expected, error=error), path.open("rb") as stream:
        return _read_array(stream, path.stat().st_size, max_bytes)


def read_npz(
    path: Path | str,
    *,
    what: str,
    expected: str,
    names: Sequence[str] | None = None,
    optional: Sequence[str] = (),
    max_bytes: int = MAX_ARRAY_BYTES,
    error: type[MfhError] = InputError,
) -> dict[str, ndarray]:
    """Read arrays of numbers or text from npz, refusing objects and sizes that are too large before decoding.

    Returns:
        name -> array: ``names`` (all arrays where it is None), then the ``optional`` ones that are there.
    """
    with open_zip(path, what=what, expected=expected, max_bytes=max_bytes, error=error) as archive:
        there = array_names(archive)
        wanted = there if names is None else [*names, *(name for name in optional if name in there)]
        missing = [name for name in wanted if name not in there]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        return {name: read_member(archive, name, max_bytes=max_bytes) for name in wanted}


@contextmanager
def open_zip(
    path: Path | str,
    *,
    what: str,
    expected: str,
    max_bytes: int,
    error: type[MfhError] = InputError,
) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive whose members together may not unpack to more than ``max_bytes``; failures are one line.

    So are failures inside the block.
    """
    path = check_file(path, what=what, expected=expected, error=error)
    with reading(path, what=what, expected=expected, error=error):
        with path.open("rb") as stream:
            if not zipfile.is_zipfile(stream):
                raise ValueError("it is no zip archive")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise ValueError(f"it has {len(members):,} members, {_MAX_MEMBERS:,} at most are read")
            size = sum(member.file_size for member in members)
            if size > max_bytes:
                raise ValueError(f"it unpacks to {size:,} bytes, {max_bytes:,} at most are read")
            yield archive


def array_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the arrays of an npz."""
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_member(archive: zipfile.ZipFile, name: str, *, max_bytes: int = MAX_ARRAY_BYTES) -> Shaped[ndarray, "..."]:
    """Read one array of an npz from :func:`open_zip`.

    Raises:
        ValueError, OSError: or any exception of the decoder; :func:`open_zip` makes it one line.
    """
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        return _read_array(stream, member.file_size, max_bytes)


def read_array_bytes(content: bytes, *, max_bytes: int = MAX_ARRAY_BYTES) -> Shaped[ndarray, "..."]:
    """Read one array from the bytes of an npy file.

    Raises:
        ValueError: for what is no such file.
    """
    return _read_array(io.BytesIO(content), len(content), max_bytes)


def _read_array(stream: "BinaryIO | Any", size: int, max_bytes: int) -> Shaped[ndarray, "..."]:
    """Read one npy of ``size`` bytes whose header fits them."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"npy format {version[0]}.{version[1]} is not known")
    shape, fortran, dtype = readers[version](stream, max_header_size=_MAX_HEADER_BYTES)
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        raise ValueError(f"it holds {dtype}: only numbers and text are read")
    if len(shape) > _MAX_DIMENSIONS or any(side < 0 for side in shape):
        raise ValueError(f"its shape is {shape}")
    count = math.prod(shape)
    needed = count * dtype.itemsize
    if needed > max_bytes:
        raise ValueError(f"shape {shape} of {dtype} is {needed:,} bytes, {max_bytes:,} at most are read")
    # The header is not counted: it is at most a few hundred bytes, and what follows must hold all the numbers.
    if needed > size:
        raise ValueError(f"shape {shape} of {dtype} needs {needed:,} bytes, and {size:,} are there")
    content = stream.read(needed)
    if len(content) != needed:
        raise ValueError(f"it ends after {len(content):,} of {needed:,} bytes")
    if stream.read(1):
        raise ValueError("something follows the numbers")
    array = np.frombuffer(content, dtype, count)
    # A copy: what is read from bytes cannot be written to.
    return array.reshape(shape[::-1]).T.copy(order="C") if fortran else array.reshape(shape).copy()


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
