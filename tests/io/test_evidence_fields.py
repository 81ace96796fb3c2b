"""Every field and array of an evidence file is of its kind; anything else is one clear line."""

import json

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.io.evidence import load_evidence
from tests.io.evidence_files import rewritten, stored

__all__ = ["stored"]


def changed(tree, path, value):
    """Return a description with one field, say camera.fx or landmarks.0.1.score, changed, added or (None) removed."""
    *to, last = (int(one) if one.isdecimal() else one for one in path.split("."))
    inside = tree
    for one in to:
        inside = inside[one]
    if value is REMOVED:
        del inside[last]
    else:
        inside[last] = value
    return tree


REMOVED = object()
BAD_FIELDS = {
    "camera.fx": [0, -1.0, 1e300, 1e-300, "900", None, True, REMOVED],
    "camera.width": [63, 65, 64.0, 0, 10**9, 10**200],
    "camera.cy": [1e12, [1.0]],
    "camera.fz": [1.0],
    "camera": [None, [], 3, {}],
    "focal.source": ["guess", None, 1],
    "focal.relative_sigma": [-0.1, 1e9, None],
    "focal.detail": [5, None],
    "photo.name": [None, 3],
    "photo.notes": ["a note", [1], None, ["a note"] * 1001, ["x" * 2001]],
    "space": ["inverse", 1, None],
    "log_range": [[], [[1, 2]], [[1, 2, 3, 4]], [[0.5, 1.0, 0.5]], [[1, 1, 0]], [[1, 1, -1]], [[1, 1e9, 1]], "all"],
    "region": [[0, 0, 5, 5], {"left": 0, "top": 0, "right": 5.5, "bottom": 5}],
    "lengths": [
        None,
        [{"start_xy": [1, 2], "end_xy": [3, 4]}] * 1001,
        [[1, 2]],
        [{"start_xy": [1, 2], "end_xy": [3]}],
        [{"start_xy": [1, 2], "end_xy": [300, 4]}],
    ],
    "landmarks": [None, [], {}, [[{}]], [[None]] * 4],
    "landmarks.0": [None, [], "people"],
    "landmarks.0.0": [None, []],
    "landmarks.0.0.verdict": ["perhaps", "rejected", None, 1],
    "landmarks.0.1.verdict": ["used"],
    "landmarks.0.0.distance_m": [-1.0, 0, "2", 1e300],
    "landmarks.0.0.box_xyxy": [[1, 2, 3], [5, 0, 1, 1], [0, 0, 1e9, 1], "box"],
    "landmarks.0.0.pixels": [-1, 2.5, None],
    "landmarks.0.0.score": [None, "high", 1e9],
    "landmarks.0.0.log_distance_sigma": [-0.1, "x", 1e5],
    "landmarks.0.0.far_share": [-0.1, 1.5, None, "x"],
    "landmarks.0.0.far_log": [-0.1, 1e5],
    "landmarks.0.0.relative_sigma": [-1.0, 1e300],
    "landmarks.0.0.size_m": [0.0, -1.0, 1e9],
    "landmarks.0.0.label": [3, None],
    "landmarks.0.0.stature_m": [0, -1.7],
    "landmarks.0.0.evidence": ["head", None],
    "landmarks.0.0.colour": ["red"],
    "landmarks.0.0.figure": [{}, {"mask": [[True]], "vertices_m": [], "faces": []}, "a body", 1],
    "seconds": [None, [1], {"fit": "long"}],
    "models": [{"painter": 3}, ["sprite"], None],
    "seed": [-1, 1.5, None, "7"],
    "attempts": [-1, 99, None],
    "ended_by": [None, 3],
    "shared_log_sigma": [-1e-3, 1e3, None],
    "shape_log_sigma": [-1e-3, 1e3, "x"],
    "max_depth_m": [0, -5, 1e300, None],
    "version": [2.5, "2", [2], True, None],
    "format": ["other", None, 2],
    "surprise": [1],
}


@pytest.mark.parametrize("field", BAD_FIELDS)
def test_every_field_is_of_its_type_and_in_its_range(stored, field):
    with np.load(stored) as arrays:
        about = json.loads(str(arrays["about"]))
    for value in BAD_FIELDS[field]:
        tree = changed(json.loads(json.dumps(about)), field, value)
        rewritten(stored, about=np.str_(json.dumps(tree)))
        with pytest.raises(InputError) as caught:
            load_evidence(stored)
        message = str(caught.value)
        assert "evidence" in message and "\n" not in message and len(message) < 800, value
    rewritten(stored, about=np.str_(json.dumps(about)))
    load_evidence(stored)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "9" * 5000, "[" * 5000, '"', "\x00"])
def test_numbers_and_nesting_of_no_json_are_one_line(stored, text):
    with np.load(stored) as arrays:
        about = str(arrays["about"])
    rewritten(stored, about=np.str_(about.replace('"seed": 7', f'"seed": {text}')))
    with pytest.raises(InputError) as caught:
        load_evidence(stored)
    assert len(str(caught.value)) < 800


BAD_ARRAYS = {
    "relative": lambda a: [a.astype(np.float64), a[:-1], a.T, a[None], np.where(a == a[0, 0], np.inf, a), a[:0]],
    "photo_jpeg": lambda a: [a.astype(np.int64), a[:100], a[None], a[:0], np.zeros(1000, np.uint8)],
    "pixel_relative": lambda a: [a[:-1], a.astype(np.float32), 1e300 * a, a + np.nan, a[None]],
    "pixel_depth_m": lambda a: [a[:-1], -a, 0 * a, a * 1e7, a + np.inf, a.astype(str)],
    "pixel_person": lambda a: [a[:-1], a - 5, a + 5, a.astype(np.int64), a.astype(float)],
    "pixel_counts": lambda a: [a[:-1], -a, a[::-1] + 1, a.astype(np.int32), np.full_like(a, 2**62), a.astype(float)],
    "figure_landmark": lambda a: [a[:-1], a - 1, a[::-1], a + 100, a.astype(np.int32), a[:0]],
    "figure_sizes": lambda a: [a[:-1], a * 0, a + 1, -a, a * 10**6, a[:, :3], np.full_like(a, 2**62)],
    "figure_masks": lambda a: [a[:-1], a.astype(np.int64), a[None]],
    "figure_vertices_m": lambda a: [a[:-1], a + np.nan, a * np.float32(1e9), a[:, :2], a.astype(np.float64)],
    "figure_faces": lambda a: [a[:-1], a - 1, a + 1, a[:, :2], a.astype(np.int64)],
    "about": lambda a: [a[None], np.zeros(3), np.str_(""), np.bytes_(b"{}")],
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_every_array_is_of_its_kind_and_belongs_to_the_others(stored, name):
    with np.load(stored) as arrays:
        good = {one: arrays[one] for one in arrays.files}
    for bad in BAD_ARRAYS[name](good[name]):
        np.savez(stored, **{**good, name: bad})
        with pytest.raises(InputError) as caught:
            load_evidence(stored)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 800
    np.savez(stored, **{one: array for one, array in good.items() if one != name})
    with pytest.raises(InputError, match=f"it has no {name}"):
        load_evidence(stored)
