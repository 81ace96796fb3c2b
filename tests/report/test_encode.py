import base64
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.report.encode import INFINITE, LEAST_STEP, NONE, EncodedDepth, encode_log_depth, packed_floats


def decoded(one: EncodedDepth) -> np.ndarray:
    """What web/src/decode.ts does, number by number."""
    data = gzip.decompress(base64.b64decode(one.data))
    count = one.width * one.height
    codes = np.zeros((one.height, one.width), int)
    result = np.zeros((one.height, one.width))
    for row in range(one.height):
        for column in range(one.width):
            at = row * one.width + column
            folded = data[at] | data[count + at] << 8
            second = (folded >> 1) ^ -(folded & 1)
            left = codes[row, column - 1] if column else 0
            upper = codes[row - 1, column] if row else 0
            corner = codes[row - 1, column - 1] if row and column else 0
            code = codes[row, column] = (second + left + upper - corner) % 65536
            result[row, column] = {NONE: np.nan, INFINITE: np.inf}.get(code, one.first + (code - 1) * one.step)
    return result


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 1.0, 8.0, 40.0]))
def test_log_depth_comes_back_within_half_a_step(seed, spread):
    rng = np.random.default_rng(seed)
    log_depth = rng.normal(0, spread, (rng.integers(1, 9), rng.integers(1, 9)))
    log_depth[rng.random(log_depth.shape) < 0.2] = np.nan
    log_depth[rng.random(log_depth.shape) < 0.2] = np.inf
    one = encode_log_depth(log_depth)
    again = decoded(one)
    np.testing.assert_array_equal(np.isnan(again), np.isnan(log_depth))
    np.testing.assert_array_equal(np.isinf(again), np.isinf(log_depth))
    finite = np.isfinite(log_depth)
    assert (np.abs(again[finite] - log_depth[finite]) <= one.step / 2 * (1 + 1e-9)).all()
    assert one.step >= LEAST_STEP


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5])
def test_a_map_of_one_value_comes_back(value):
    np.testing.assert_allclose(decoded(encode_log_depth(np.full((3, 4), value))), value)


def test_a_plane_takes_next_to_nothing():
    rows, columns = np.mgrid[:300, :400]
    smooth = encode_log_depth(1 + 0.001 * rows + 0.002 * columns)
    rough = encode_log_depth(np.random.default_rng(0).normal(0, 1, (300, 400)))
    assert len(smooth.data) < len(rough.data) / 50


def test_floats_are_little_endian_and_packed_alike_each_time():
    values = np.array([1.0, -2.5, 1e-30])
    packed = packed_floats(values)
    np.testing.assert_array_equal(
        np.frombuffer(gzip.decompress(base64.b64decode(packed)), "<f4"), values.astype(np.float32)
    )
    assert packed == packed_floats(values)
