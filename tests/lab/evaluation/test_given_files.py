"""Photos and folders of predictions: what they are called, what is found, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.evaluation.given_files import find_photos, parse_predictions, read_metric_depth


def test_photos_are_named_below_their_folder_and_files_by_their_stem(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/x.JPG", "a/b/y.png", "z.png"):
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    (tmp_path / "a" / "notes.txt").write_text("no photo")
    assert list(find_photos([tmp_path / "a", tmp_path / "z.png"])) == ["b/y", "x", "z"]
    Image.new("RGB", (32, 32)).save(tmp_path / "a" / "z.jpg")
    with pytest.raises(InputError, match="are both photo 'z'"):
        find_photos([tmp_path / "a", tmp_path / "z.png"])


def test_places_without_photos_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no picture"):
        find_photos([tmp_path])
    with pytest.raises(InputError, match="no photo or folder"):
        find_photos([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("words", "message"), [(["x"], "expected LABEL=DIR"), (["=."], "expected LABEL=DIR"), (["a=nowhere"], "no folder"),
                           (["a=.", "a=."], "twice")]
)  # fmt: skip
def test_what_names_no_method_is_refused(words, message):
    with pytest.raises(InputError, match=message):
        parse_predictions(words)


def test_predictions_are_npz_npy_or_results_of_predict(tmp_path):
    depth_m = np.array([[1.0, 0.0], [np.inf, -2.0]])
    np.savez(tmp_path / "a.npz", depth_m=depth_m)
    np.save(tmp_path / "b.npy", depth_m)
    (tmp_path / "c").mkdir()
    np.savez(tmp_path / "c" / "depth.npz", depth_m=depth_m, K=np.eye(3))
    for name in ("a", "b", "c"):
        np.testing.assert_array_equal(read_metric_depth(tmp_path, name), np.float32([[1, np.nan], [np.nan, np.nan]]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"depth_q": np.ones((2, 2)), "x": np.ones(2)}, "holds depth_q, x: expected one array, or one named depth_m"),
        ({"depth_m": np.ones(4)}, r"shape \(4,\)"),
        ({"depth_m": np.array([["x"]])}, "expected numbers"),
        (b"PK\x03\x04 broken", "no zip archive"),
    ],
)
def test_damaged_predictions_are_one_line(tmp_path, content, message):
    if isinstance(content, bytes):
        (tmp_path / "a.npz").write_bytes(content)
    else:
        np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(InputError, match=message):
        read_metric_depth(tmp_path, "a")
