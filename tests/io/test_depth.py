"""Depth files: what is written is read back, millimetres saturate, and a failed write leaves nothing behind."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mfh.errors import InputError
from mfh.io.atomic import atomic_path, check_writable
from mfh.io.depth import depth_to_steps, read_depth_npz, write_depth_npz, write_depth_png
from mfh.io.depth_rows import rows_of_result
from mfh.io.png import write_png
from mfh.io.read_depth import read_depth
from mfh.types import LogSigmaCurve
from mfh.types.rows import STRIP_PIXELS
from tests.made_up import with_depth


def test_npz_round_trip(tmp_path, metric_depth):
    write_depth_npz(tmp_path / "depth.npz", rows_of_result(metric_depth))
    stored = read_depth_npz(tmp_path / "depth.npz")
    np.testing.assert_array_equal(stored.depth_m, metric_depth.depth_m)
    np.testing.assert_array_equal(stored.valid_mask, metric_depth.valid_mask)
    camera = metric_depth.photo.camera
    np.testing.assert_array_equal(stored.K, [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    head = metric_depth.head
    assert (stored.scale, stored.shift, stored.space) == (head.scale, head.shift, head.space)
    assert stored.depth_m.dtype == np.float32
    assert stored.log_sigma is None, "it is not known of this one"


def test_the_deviation_of_depth_is_kept(tmp_path, metric_depth):
    log_sigma = np.geomspace(0.01, 1e9, metric_depth.depth_m.size).astype(np.float32)
    values = np.linspace(0.2, 1.8, log_sigma.size, dtype=np.float32)
    curve = LogSigmaCurve(values.astype(float), log_sigma.astype(float))
    log_sigma = log_sigma.reshape(metric_depth.shape)
    relative = replace(metric_depth.relative, values=values.reshape(metric_depth.shape))
    result = replace(metric_depth, relative=relative, log_sigma_curve=curve)
    np.testing.assert_array_equal(result.log_sigma, log_sigma)
    write_depth_npz(tmp_path / "depth.npz", rows_of_result(result))
    stored = read_depth_npz(tmp_path / "depth.npz").log_sigma
    assert stored is not None and stored.dtype == np.float16 and np.isfinite(stored).all()
    sensible = log_sigma < 6e4
    np.testing.assert_allclose(stored[sensible].astype(float), log_sigma[sensible], rtol=1e-3)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_npz_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "depth.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"depth\.npz"):
        read_depth_npz(tmp_path / "depth.npz")


def test_npz_of_another_program_is_refused(tmp_path):
    np.savez(tmp_path / "depth.npz", depth=np.ones((3, 3)))
    with pytest.raises(InputError, match="expected a depth.npz of this program"):
        read_depth_npz(tmp_path / "depth.npz")


@pytest.mark.slow
@given(depth_m=arrays.arrays(np.float32, (48, 64), elements=st.floats(1 / 1024, 65.5, width=32)))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_png_keeps_millimetres(tmp_path_factory, metric_depth, depth_m):
    path = tmp_path_factory.mktemp("png") / "depth.png"
    assert write_depth_png(path, rows_of_result(with_depth(metric_depth, depth_m))) == 0
    np.testing.assert_allclose(read_depth(path).depth_m, depth_m, atol=0.00051)


def test_png_saturates_and_counts_and_keeps_zero_for_invalid(tmp_path, metric_depth):
    depth_m = np.array([[0.0001, 65.535, 70.0, np.nan, np.nan]], np.float32)
    photo = replace(metric_depth.photo, pixels=np.zeros((1, 5, 3), np.uint8))
    assert write_depth_png(tmp_path / "depth.png", rows_of_result(with_depth(metric_depth, depth_m, photo=photo))) == 1
    np.testing.assert_array_equal(depth_to_steps(depth_m, ~np.isnan(depth_m)), [[1, 65535, 65535, 0, 0]])
    stored = np.asarray(Image.open(tmp_path / "depth.png"))
    np.testing.assert_array_equal(stored > 0, ~np.isnan(depth_m))


@pytest.fixture
def large(metric_depth):
    """A result of several strips, whose relative depth is four times smaller than the photo."""
    height, width = 1200, 1600
    values = np.random.default_rng(0).random((height // 4, width // 4)).astype(np.float32)
    values[:40, :40] = -1.0
    relative = replace(metric_depth.relative, values=values, photo_shape=(height, width))
    photo = replace(metric_depth.photo, pixels=np.zeros((height, width, 3), np.uint8))
    curve = LogSigmaCurve(np.array([0.0, 1.0]), np.array([0.3, 0.1]))
    return replace(metric_depth, photo=photo, relative=relative, log_sigma_curve=curve)


@pytest.mark.slow
def test_what_is_written_by_strips_is_what_is_there_as_a_whole(tmp_path, large):
    write_depth_npz(tmp_path / "depth.npz", rows_of_result(large))
    too_far = write_depth_png(tmp_path / "depth.png", rows_of_result(large))
    assert "depth_m" not in vars(large), "nothing of the photo's size was made"
    with np.load(tmp_path / "depth.npz") as stored:
        np.testing.assert_array_equal(stored["depth_m"], large.depth_m)
        np.testing.assert_array_equal(stored["valid_mask"], large.valid_mask)
        np.testing.assert_array_equal(stored["log_sigma"], large.log_sigma.astype(np.float16))
    millimetres = np.asarray(Image.open(tmp_path / "depth.png"))
    np.testing.assert_array_equal(millimetres, depth_to_steps(large.depth_m, large.valid_mask))
    assert too_far == (large.depth_m > 65.535).sum()


def test_the_npz_is_what_numpy_writes(tmp_path, large):
    """The naive twin, byte for byte."""
    write_depth_npz(tmp_path / "ours.npz", rows_of_result(large))
    with np.load(tmp_path / "ours.npz") as stored:
        np.savez(tmp_path / "theirs.npz", **stored)
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "theirs.npz").read_bytes()


@pytest.mark.slow
def test_writing_takes_no_memory_of_the_photos_size(tmp_path, large):
    side = 4000
    large = replace(large, relative=replace(large.relative, photo_shape=(side, side)))
    assert large.map_m.size < side * side / 100
    tracemalloc.start()
    try:
        write_depth_npz(tmp_path / "depth.npz", rows_of_result(large))
        write_depth_png(tmp_path / "depth.png", rows_of_result(large))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # One byte a pixel for validity, and some strips; depth alone would be four bytes a pixel.
    assert peak < side * side + 50 * STRIP_PIXELS < 4 * side * side + 50 * STRIP_PIXELS
    assert (tmp_path / "depth.npz").stat().st_size > 7 * side * side


@pytest.mark.parametrize("rows", [3, 5])
def test_a_png_of_fewer_or_more_rows_than_it_has_is_refused(tmp_path, rows):
    with pytest.raises(ValueError, match="expected 4"):
        write_png(tmp_path / "a.png", (4, 6), [np.zeros((rows, 6), np.uint16)])


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "depth.npz"
    path.write_text("before")
    with pytest.raises(KeyError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyError("stopped")
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["depth.npz"]


def test_write_into_a_missing_folder_is_one_line(tmp_path, metric_depth):
    with pytest.raises(InputError, match="cannot write"):
        write_depth_npz(tmp_path / "absent" / "depth.npz", rows_of_result(metric_depth))


def test_a_folder_that_can_be_made_is_writable_and_is_not_made(tmp_path):
    check_writable(tmp_path / "a" / "b c")
    assert list(tmp_path.iterdir()) == []


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").touch()
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(InputError, match="is a file"):
            check_writable(folder)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, the one folder that refuses even root")
def test_folder_that_takes_no_files_is_refused():
    with pytest.raises(InputError, match="not writable"):
        check_writable("/proc/mfh")
