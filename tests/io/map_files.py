"""Files of maps that tests make."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image


def write_map(path: Path, values: np.ndarray) -> Path:
    """Write a map in the format its ending says; png and tif as 16 bits."""
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, values)
    else:
        Image.fromarray(values.astype(np.uint16)).save(path)
    return path


def write_tiff(path: Path, values: np.ndarray, *, order: str = "<") -> Path:
    """Write an uncompressed tiff of any kind of number, byte by byte: Pillow writes but a few."""
    pixels = values.astype(values.dtype.newbyteorder(order)).tobytes()
    rows, columns = values.shape
    bits, kind = 8 * values.dtype.itemsize, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    short, long = 3, 4
    tags = [
        *((256, short, columns), (257, short, rows), (258, short, bits), (259, short, 1), (262, short, 1)),
        *((273, long, 8), (277, short, 1), (278, short, rows), (279, long, len(pixels)), (339, short, kind)),
    ]
    rest = struct.pack(order + "H", len(tags))
    for tag, width, value in tags:
        held = struct.pack(order + "HH", value, 0) if width == short else struct.pack(order + "I", value)
        rest += struct.pack(order + "HHI", tag, width, 1) + held
    start = {"<": b"II*\0", ">": b"MM\0*"}[order]
    path.write_bytes(start + struct.pack(order + "I", 8 + len(pixels)) + pixels + rest + bytes(4))
    return path


def write_pfm(path: Path, values: np.ndarray, *, order: str = "<", scale: str = "1.0") -> Path:
    """Write a portable float map, rows from the bottom up; three axes make a coloured one."""
    rows, columns = values.shape[:2]
    kind, sign = "Pf" if values.ndim == 2 else "PF", "-" if order == "<" else ""
    header = f"{kind}\n{columns} {rows}\n{sign}{scale}\n".encode()
    path.write_bytes(header + values[::-1].astype(order + "f4").tobytes())
    return path
