"""Relative depth of a whole clip from a model for clips: in a folder, an npy or an npz."""

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.video.given import read_clip_depth


def maps(count=12, size=(40, 30)):
    rng = np.random.default_rng(0)
    return rng.uniform(0.1, 1, (count, size[1], size[0])).astype(np.float32)


def refusal(path, space="disparity", index=0):
    with pytest.raises(InputError) as error:
        read_clip_depth(path, space=space)(index, 40, 30)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["depths", "depth", "disparity", "data", "arr_0"])
def test_an_npz_by_any_of_the_usual_names(tmp_path, name):
    path = tmp_path / "clip.npz"
    np.savez_compressed(path, **{name: maps(), "fps": 30.0})
    given = read_clip_depth(path, space="depth")
    assert (given.count, given.space) == (12, "depth")
    found = given(7, 40, 30)
    np.testing.assert_allclose(found.values, maps()[7])
    assert found.space == "depth"


@pytest.mark.parametrize("shape", [(12, 30, 40), (12, 1, 30, 40), (12, 30, 40, 1)])
def test_an_npy_of_any_of_the_usual_shapes(tmp_path, shape):
    np.save(tmp_path / "clip.npy", maps().reshape(shape))
    given = read_clip_depth(tmp_path / "clip.npy", space="disparity")
    np.testing.assert_allclose(given(11, 40, 30).values, maps()[11])


def test_a_folder_in_the_order_people_count_in(tmp_path):
    for k, one in enumerate(maps()):
        np.save(tmp_path / f"frame_{k}.npy", one)
    (tmp_path / "notes.txt").write_text("of the user")
    given = read_clip_depth(tmp_path, space="disparity")
    assert given.count == 12
    for k in (2, 10):
        np.testing.assert_allclose(given(k, 40, 30).values, maps()[k])


def test_sixteen_bit_pictures_and_exr(tmp_path):
    pytest.importorskip("OpenEXR")
    from mfh.io.exr import write_exr

    Image.fromarray((maps()[0] * 60000).astype(np.uint16)).save(tmp_path / "0.png")
    # As ViPE has it, unpacked.
    write_exr(tmp_path / "1.exr", {"Z": maps()[1].astype(np.float16)}, attributes={})
    given = read_clip_depth(tmp_path, space="depth")
    np.testing.assert_allclose(given(0, 40, 30).values / 60000, maps()[0], atol=2e-5)
    np.testing.assert_allclose(given(1, 40, 30).values, maps()[1], rtol=1e-3)


def test_maps_of_another_size_are_fitted_and_holes_are_kept(tmp_path):
    holed = maps(2, (80, 60))
    holed[0, :20] = np.nan
    np.save(tmp_path / "clip.npy", holed)
    found = read_clip_depth(tmp_path / "clip.npy", space="depth")(0, 40, 30)
    assert found.values.shape == (30, 40) and np.isfinite(found.values).all()
    assert found.valid_mask is not None and not found.valid_mask[:8].any() and found.valid_mask[12:].all()


def test_what_is_no_depth_of_a_clip_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no maps" in refusal(tmp_path / "empty")
    assert "absent" in refusal(tmp_path / "absent.npz")
    (tmp_path / "clip.zip").write_bytes(b"PK")
    assert "unzip it" in refusal(tmp_path / "clip.zip")
    (tmp_path / "text.npy").write_text("no numbers")
    assert "text.npy" in refusal(tmp_path / "text.npy")
    np.savez(tmp_path / "other.npz", fps=3.0)
    assert "fps: expected one of depths" in refusal(tmp_path / "other.npz")
    np.save(tmp_path / "flat.npy", maps()[0])
    assert "(frames, height, width)" in refusal(tmp_path / "flat.npy")
    np.save(tmp_path / "none.npy", maps(0))
    assert "more frames" in refusal(tmp_path / "none.npy")
    np.save(tmp_path / "few.npy", maps(3))
    assert "few.npy has 3 maps" in refusal(tmp_path / "few.npy", index=3)
    np.save(tmp_path / "constant.npy", np.ones((2, 30, 40)))
    assert "constant" in refusal(tmp_path / "constant.npy")
    np.save(tmp_path / "tall.npy", maps(2, (30, 40)))
    assert "turned" in refusal(tmp_path / "tall.npy")
    np.save(tmp_path / "words.npy", np.full((2, 30, 40), "far"))
    assert "words.npy" in refusal(tmp_path / "words.npy")
