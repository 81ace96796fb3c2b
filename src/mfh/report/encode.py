"""Numbers for a web page: 16-bit codes of log depth, and arrays of float32, compressed and as base64 text."""

import base64
import gzip
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from numpy import ndarray

NONE, INFINITE = 0, 65535
"""Codes of pixels without a depth (the sky, holes of a map), and of those at infinity."""
LEAST_STEP = 2.5e-4
"""Step of the logarithm that is never gone below: a fortieth of a per cent, below a millimetre at 3 m."""


@dataclass(frozen=True)
class EncodedDepth:
    """Log depth as 16-bit codes.

    Attributes:
        width: columns.
        height: rows.
        first: log depth of code 1.
        step: log depth from one code to the next.
        data: base64 of the gzip of second differences, folded to small numbers: all low bytes, then all high ones.
    """

    width: int
    height: int
    first: float
    step: float
    data: str


def encode_log_depth(log_depth: Float[ndarray, "h w"], *, least_step: float = LEAST_STEP) -> EncodedDepth:
    """Encode log depth to within half a step.

    Args:
        log_depth: of metres; NaN where there is no depth, +inf at infinity.
        least_step: of the logarithm, that is never gone below: a coarser one takes less room.
    """
    finite = np.isfinite(log_depth)
    first = float(log_depth[finite].min()) if finite.any() else 0.0
    last = float(log_depth[finite].max()) if finite.any() else 0.0
    step = max(least_step, (last - first) / (INFINITE - 2))
    codes = np.full(log_depth.shape, NONE, np.uint16)
    codes[finite] = np.rint((log_depth[finite] - first) / step).astype(np.uint16) + 1
    codes[np.isposinf(log_depth)] = INFINITE
    height, width = log_depth.shape
    return EncodedDepth(width, height, first, step, packed_bytes(_differences(codes)))


def _differences(codes: UInt16[ndarray, "h w"]) -> UInt8[ndarray, "bytes"]:
    """Return what each code adds to left + upper - upper-left neighbour, byte by byte: a plane leaves nothing."""
    difference = codes.copy()
    difference[:, 1:] -= codes[:, :-1]
    difference[1:] -= difference[:-1].copy()
    # Small differences of both signs get small numbers: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4.
    signed = difference.view(np.int16)
    folded = ((signed << 1) ^ (signed >> 15)).view(np.uint16).ravel()
    return np.concatenate([(folded & 0xFF).astype(np.uint8), (folded >> 8).astype(np.uint8)])


def packed_bytes(values: UInt8[ndarray, "bytes"]) -> str:
    """Return the base64 of the gzip of bytes, the same for the same bytes at any time."""
    return base64.b64encode(gzip.compress(values.tobytes(), compresslevel=6, mtime=0)).decode()


def packed_floats(values: Float[ndarray, "n"]) -> str:
    """Return the base64 of the gzip of numbers as little-endian float32."""
    return packed_bytes(np.frombuffer(values.astype("<f4").tobytes(), np.uint8))
