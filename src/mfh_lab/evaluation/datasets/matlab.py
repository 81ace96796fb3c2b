"""MATLAB files of datasets: version 7.3 is HDF5 and read by h5py, older ones by scipy (the ``datasets`` extra).

HDF5 has MATLAB's axes in reverse order: a picture of 480x640x3 lies there as (3, 640, 480).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped
from numpy import ndarray

from mfh.errors import BackendError, InputError
from mfh.io.reading import check_file, reading

INSTALL = "pip install 'metric-from-human[datasets]'"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_PLACES = (0, 512, 1024, 2048)
"""Where HDF5's signature may lie: MATLAB puts a header of 512 bytes of its own before it."""
MAX_VARIABLE_BYTES = 1 << 28
"""Largest variable that is read: one frame of NYUv2 has 1 MB, one of iBims-1 a few."""
MAX_FILE_BYTES = 1 << 28
"""Largest file that scipy reads, which takes it whole."""


@contextmanager
def open_hdf5(path: Path, *, expected: str) -> Iterator[Any]:
    """Open a MATLAB 7.3 file; any failure inside is one line that names it.

    Args:
        path: the file.
        expected: what it should be, for messages.

    Raises:
        InputError: for a file that is missing, damaged or of another kind.
        BackendError: where h5py is not installed.
    """
    check_file(path, what="", expected=expected)
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise BackendError(f"reading {path} needs the package 'h5py', which is not installed: {INSTALL}") from error
    with reading(path, what="", expected=expected), h5py.File(path, "r") as file:
        yield file


def variable(file: Any, name: str, *, dimensions: int) -> Any:
    """Return a variable of an open HDF5 file, not read yet.

    Args:
        file: of :func:`open_hdf5`.
        name: of the variable.
        dimensions: it must have.

    Raises:
        ValueError: where it is not there or has other dimensions; :func:`open_hdf5` makes it one line.
    """
    found = file.get(name)
    shape = getattr(found, "shape", None)
    if shape is None or len(shape) != dimensions:
        kind = "no" if found is None else f"no {dimensions}-dimensional"
        raise ValueError(f"it has {kind} variable {name}")
    return found


def element(values: Any, index: int) -> Shaped[ndarray, "..."]:
    """Return one element of the last MATLAB axis, with MATLAB's order of axes.

    Args:
        values: of :func:`variable`.
        index: of the element, from 0.

    Raises:
        ValueError: for an index beyond it, or an element too large to be one.
    """
    if not 0 <= index < len(values):
        raise ValueError(f"it has {len(values)} frames: there is no frame {index}")
    if values.dtype.itemsize * int(np.prod(values.shape[1:])) > MAX_VARIABLE_BYTES:
        raise ValueError(f"a frame of shape {values.shape[1:]}")
    return np.asarray(values[index]).T


def texts(file: Any, name: str) -> list[str]:
    """Return a cell array of texts."""
    cells = variable(file, name, dimensions=2)
    return ["".join(map(chr, np.asarray(file[reference]).ravel()[:200])) for reference in np.asarray(cells).ravel()]


def read_matlab(path: Path, names: Sequence[str], *, expected: str) -> dict[str, Any]:
    """Read variables of a MATLAB file of any version up to 7.

    Args:
        path: the file.
        names: of the variables; all must be there.
        expected: what it should be, for messages.

    Returns:
        name -> array; a struct is an array of one record.

    Raises:
        InputError: for a file that is missing, damaged, too large or without such a variable.
        BackendError: where scipy is not installed.
    """
    check_file(path, what="", expected=expected, max_bytes=MAX_FILE_BYTES)
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise BackendError(f"reading {path} needs the package 'scipy', which is not installed: {INSTALL}") from error
    with reading(path, what="", expected=expected):
        content = loadmat(path, variable_names=list(names))
        missing = [name for name in names if name not in content]
        if missing:
            raise ValueError(f"it has no variable {', '.join(missing)}")
        return {name: content[name] for name in names}


def read_record(path: Path, name: str, fields: Sequence[str], *, expected: str) -> dict[str, Shaped[ndarray, "..."]]:
    """Read fields of a struct of one record.

    Args:
        path: the file.
        name: of the struct.
        fields: to read; all must be there.
        expected: what it should be, for messages.

    Returns:
        field -> array.

    Raises:
        InputError: for a file that cannot be read, or no such struct.
        BackendError: where scipy is not installed.
    """
    struct = read_matlab(path, (name,), expected=expected)[name]
    there = getattr(struct.dtype, "names", None) or ()
    missing = [field for field in fields if field not in there]
    if missing or struct.size != 1:
        raise InputError(f"{path} has no {name}.{missing[0] if missing else fields[0]}: expected {expected}")
    record = struct.ravel()[0]
    return {field: np.asarray(record[field]) for field in fields}


def read_indices(path: Path, name: str, *, expected: str) -> Int[ndarray, "n"]:
    """Read indices that count from 1, as MATLAB's do, from a file of any version.

    Args:
        path: the file.
        name: of the variable.
        expected: what it should be, for messages.

    Returns:
        (n,) counted from 0.

    Raises:
        InputError: for a file that cannot be read, or numbers that are no indices.
        BackendError: where a package is missing.
    """
    if is_hdf5(path):
        with open_hdf5(path, expected=expected) as file:
            values = np.asarray(variable(file, name, dimensions=2))
    else:
        values = read_matlab(path, (name,), expected=expected)[name]
    flat = np.asarray(values).ravel()
    if not len(flat) or flat.dtype.kind not in "fui" or not (np.rint(flat) == flat).all() or flat.min() < 1:
        raise InputError(f"{path} has no whole numbers from 1 on in {name}: expected {expected}")
    return flat.astype(np.int64) - 1


def is_hdf5(path: Path) -> bool:
    """Return whether a file is HDF5, behind a header of MATLAB or not."""
    with reading(path, what="", expected="a MATLAB file"), path.open("rb") as stream:
        start = stream.read(_HDF5_PLACES[-1] + len(_HDF5))
    return any(start[place : place + len(_HDF5)] == _HDF5 for place in _HDF5_PLACES)
