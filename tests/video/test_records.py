"""Records of frames: what is written is read, and what cannot be read is made again."""

import dataclasses

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.types import Evidence
from mfh.video.records import read_record, sightings_of, write_record
from tests.video.made_up import record, sighting


@pytest.mark.parametrize("holes", [False, True])
def test_a_record_comes_back(tmp_path, holes):
    path, whole = tmp_path / "0.npz", record(holes=holes)
    write_record(path, whole, "mark")
    back = read_record(path, "mark")
    assert back is not None
    span = np.ptp(whole.relative.values)
    np.testing.assert_allclose(back.relative.values, whole.relative.values, atol=span / 65535)
    for name in ("space", "log_range", "holes_are_sky"):
        assert getattr(back.relative, name) == getattr(whole.relative, name)
    if holes:
        np.testing.assert_array_equal(back.relative.valid_mask, whole.relative.valid_mask)
    else:
        assert back.relative.valid_mask is None
    assert (back.seconds, back.is_key, back.sightings, back.boxes) == (1.25, True, whole.sightings, whole.boxes)
    assert back.grid is not None and whole.grid is not None
    for field in dataclasses.fields(whole.grid):
        np.testing.assert_array_equal(getattr(back.grid, field.name), getattr(whole.grid, field.name))


def test_the_same_record_is_the_same_bytes_and_reading_it_loses_nothing_more(tmp_path):
    paths = [tmp_path / name for name in ("a.npz", "b.npz", "c.npz")]
    for path in paths[:2]:
        write_record(path, record(), "mark")
    back = read_record(paths[0], "mark")
    assert back is not None
    write_record(paths[2], back, "mark")
    again = read_record(paths[2], "mark")
    assert paths[0].read_bytes() == paths[1].read_bytes() and again is not None
    np.testing.assert_allclose(again.relative.values, back.relative.values, atol=1e-6 * np.ptp(back.relative.values))


def test_the_first_frame_has_no_grid_and_a_constant_map_stays_constant(tmp_path):
    first = dataclasses.replace(record(), grid=None, sightings=(), boxes=(), is_key=False)
    flat = dataclasses.replace(first.relative, values=np.full((120, 160), 0.25, np.float32))
    write_record(tmp_path / "0.npz", dataclasses.replace(first, relative=flat), "mark")
    back = read_record(tmp_path / "0.npz", "mark")
    assert back is not None and back.grid is None and not back.is_key and back.sightings == ()
    assert (back.relative.values == 0.25).all()


def test_without_its_maps_a_record_says_the_rest(tmp_path):
    write_record(tmp_path / "0.npz", record(), "mark")
    back = read_record(tmp_path / "0.npz", "mark", maps=False)
    assert back is not None and back.relative.values.shape == (1, 1)
    assert len(back.sightings) == 2 and back.grid is not None


def test_other_settings_are_another_record_and_nothing_is_none(tmp_path):
    write_record(tmp_path / "0.npz", record(), "mark")
    assert read_record(tmp_path / "0.npz", "another mark") is None
    assert read_record(tmp_path / "1.npz", "mark") is None


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_record_is_no_record(tmp_path, seed):
    path, rng = tmp_path / "0.npz", np.random.default_rng(seed)
    write_record(path, record(), "mark")
    content = bytearray(path.read_bytes())
    if seed % 2:
        content = content[: rng.integers(0, len(content))]
    else:
        for at in rng.integers(0, len(content), 30):
            content[at] = rng.integers(0, 256)
    path.write_bytes(content)
    back = read_record(path, "mark")
    assert back is None or back.relative.values.shape == (120, 160)


def test_a_disk_that_takes_nothing_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot write") as error:
        write_record(tmp_path / "absent" / "0.npz", record(), "mark")
    assert "\n" not in str(error.value)


def test_sightings_are_medians_of_what_was_used_and_what_was_rejected_has_none():
    seen, missed = sighting().landmark, sighting(None, None).landmark
    evidence = Evidence(np.array([0.1, 0.2, 0.9]), np.array([3.0, 2.0, 2.5]), np.array([0, 0, 0]), (seen, missed))
    used, rejected = sightings_of([evidence])
    assert (used.relative, used.depth_m, used.used) == (0.2, 2.5, True)
    assert (rejected.relative, rejected.depth_m, rejected.used) == (None, None, False)
