"""Depth files: what is written is read back, millimetres saturate, and a failed write leaves nothing behind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mfh.errors import InputError
from mfh.io.atomic import atomic_path, check_writable
from mfh.io.depth import (
    depth_to_millimetres,
    read_depth_npz,
    read_depth_png,
    write_depth_npz,
    write_depth_png,
)


def test_npz_round_trip(tmp_path, metric_depth):
    write_depth_npz(tmp_path / "depth.npz", metric_depth)
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
    log_sigma = log_sigma.reshape(metric_depth.depth_m.shape)
    write_depth_npz(tmp_path / "depth.npz", replace(metric_depth, log_sigma=log_sigma))
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
    with pytest.raises(InputError, match="not a depth.npz"):
        read_depth_npz(tmp_path / "depth.npz")


@given(depth_m=arrays.arrays(np.float32, (5, 7), elements=st.floats(1 / 1024, 65.5, width=32)))
def test_png_keeps_millimetres(tmp_path_factory, depth_m):
    path = tmp_path_factory.mktemp("png") / "depth.png"
    valid_mask = np.ones(depth_m.shape, bool)
    assert write_depth_png(path, depth_m, valid_mask) == 0
    stored, stored_valid = read_depth_png(path)
    np.testing.assert_allclose(stored, depth_m, atol=0.00051)
    assert stored_valid.all()


def test_png_saturates_and_counts_and_keeps_zero_for_invalid(tmp_path):
    depth_m = np.array([[0.0001, 65.535, 70.0, np.nan, np.inf]], np.float32)
    valid_mask = np.array([[True, True, True, False, False]])
    assert write_depth_png(tmp_path / "depth.png", depth_m, valid_mask) == 1
    np.testing.assert_array_equal(depth_to_millimetres(depth_m, valid_mask), [[1, 65535, 65535, 0, 0]])
    _, stored_valid = read_depth_png(tmp_path / "depth.png")
    np.testing.assert_array_equal(stored_valid, valid_mask)


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
        write_depth_npz(tmp_path / "absent" / "depth.npz", metric_depth)


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
