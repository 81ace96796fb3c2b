"""A check of PyTorch's files before PyTorch reads them.

``weights_only`` prevents a pickle from executing code, but not from crashing the process: a key of nested tuples
overflows the stack, and a storage that claims more values than the file has is read beyond its memory. So the pickle is
first executed with placeholders (:func:`mfh.weights.pickles.check_pickle`).
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfh.errors import WeightsError
from mfh.io.reading import check_file, open_zip, reading
from mfh.weights.pickles import check_pickle

STORAGES: dict[str, tuple[str, int]] = {
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}
"""Storage class in a pickle -> torch's dtype, and its size in bytes."""
MAX_PICKLE_BYTES = 64 << 20
_OTHERS = {"ComplexDoubleStorage": 16, "ComplexFloatStorage": 8, "QInt32Storage": 4, "UntypedStorage": 1}
OLD_PICKLES = 5
"""Pickles of a file of PyTorch before 1.6: magic number, version, system, content, keys."""


def check_torch_file(path: Path, *, expected: str) -> None:
    """Check a file written by ``torch.save`` or ``torch.jit.save``; ``expected`` ends the message.

    Raises:
        WeightsError: where it is damaged, or of another kind.
    """
    check_file(path, what="", expected=expected, error=WeightsError)
    with reading(path, what="", expected=expected, error=WeightsError):
        if not zipfile.is_zipfile(path):
            _check_old_file(path)
            return
    # Tensors are not compressed; the code of TorchScript is.
    room = 2 * path.stat().st_size + MAX_PICKLE_BYTES
    with open_zip(path, what="", expected=expected, max_bytes=room, error=WeightsError) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        for name in [name for name in sizes if name.endswith(".pkl")]:
            if sizes[name] > MAX_PICKLE_BYTES:
                raise ValueError(f"its pickle has {sizes[name]:,} bytes")
            check_pickle(archive.read(name), start=0, persistent=_fits(sizes, name))


def check_torch_folder(folder: Path, *, expected: str) -> None:
    """Check the pickles of a folder that ``from_pretrained`` reads; ``expected`` ends the message.

    Raises:
        WeightsError: where one is damaged, or of another kind.
    """
    for file in folder.rglob("*.bin"):
        # Ignored by the libraries where there are safetensors beside it.
        if not any(file.parent.glob("*.safetensors")):
            check_torch_file(file, expected=expected)


def _check_old_file(path: Path) -> None:
    with path.open("rb") as stream:
        content, at = stream.read(MAX_PICKLE_BYTES), 0
    for _ in range(OLD_PICKLES):
        at = check_pickle(content, start=at, persistent=lambda reference: None)


def _fits(sizes: dict[str, int], pickle_name: str) -> Callable[[Any], None]:
    """Return a check of references: a storage must not claim more than its member of the archive holds."""
    folder, _, name = pickle_name.rpartition("/")
    beside = f"{folder}/{name.removesuffix('.pkl')}/"

    def check(reference: Any) -> None:
        if not isinstance(reference, tuple) or len(reference) < 5:
            raise ValueError("a reference to something outside that is no storage")
        kind, storage, key, _, count = reference[:5]
        if kind != "storage" or not isinstance(key, str) or type(count) is not int or count < 0:
            raise ValueError("a reference to something outside that is no storage")
        class_name = getattr(storage, "class_name", "") if isinstance(storage, type) else ""
        short = class_name.rpartition(".")[2]
        item = STORAGES[short][1] if short in STORAGES else _OTHERS.get(short, 1)
        if f"{beside}{key}" in sizes and count * item > sizes[f"{beside}{key}"]:
            raise ValueError(f"a storage of {count:,} numbers, of which {sizes[f'{beside}{key}'] // item:,} are there")

    return check
