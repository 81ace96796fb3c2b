"""Answers of other programs: formats, units, and what is refused."""

import time

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.evaluation.methods.files import FileMethod, file_contender, parse_unit
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.methods.stored import prediction_path, read_prediction, write_prediction
from tests.lab.evaluation.made_up import photo_of

PHOTO = photo_of(np.zeros((6, 8, 3), np.float32))
METRES = np.linspace(1, 9, 48, dtype=np.float32).reshape(6, 8)


def predict(folder, *, metres_per_unit=1.0, name="room/a"):
    return FileMethod(folder, metres_per_unit).predict(PHOTO, name=name)


@pytest.fixture
def room(tmp_path):
    (tmp_path / "room").mkdir()
    return tmp_path


def test_npy_and_npz_with_a_unit(room):
    np.save(room / "room" / "a.npy", METRES * 100)
    found = predict(room, metres_per_unit=0.01)
    np.testing.assert_allclose(found.depth_m, METRES, rtol=1e-6)
    assert found.depth_m.dtype == np.float32 and found.space == "depth" and found.level_80 is None
    np.savez(room / "room" / "b.npz", depth=METRES, confidence=np.ones_like(METRES))
    np.testing.assert_array_equal(predict(room, name="room/b").depth_m, METRES)
    np.savez(room / "room" / "c.npz", first=METRES, second=METRES)
    with pytest.raises(InputError, match="holds first, second: expected one array, or one named depth_m, depth, pred"):
        predict(room, name="room/c")


def test_zero_in_a_16_bit_png_is_no_answer(room):
    millimetres = np.rint(METRES * 1000).astype(np.uint16)
    millimetres[0, 0] = 0
    Image.fromarray(millimetres).save(room / "room" / "a.png")
    found = predict(room, metres_per_unit=0.001).depth_m
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(found.ravel()[1:], METRES.ravel()[1:], atol=6e-4)


def test_values_that_are_not_finite_come_through(room):
    values = METRES.copy()
    values[0, :2] = np.nan, np.inf
    np.save(room / "room" / "a.npy", values)
    found = predict(room).depth_m
    assert np.isnan(found[0, 0]) and np.isposinf(found[0, 1])


def test_answers_of_an_earlier_run_keep_their_space_and_interval(room):
    answer = Prediction(METRES, "disparity", level_80=(0.9, 1.1), level_95=(0.8, 1.25))
    write_prediction(prediction_path(room, "room/a"), answer)
    found = predict(room)
    np.testing.assert_array_equal(found.depth_m, METRES)
    assert (found.space, found.level_80, found.level_95) == ("disparity", (0.9, 1.1), (0.8, 1.25))
    with pytest.raises(InputError, match="is in metres, as mfh evaluate wrote it: expected --unit m"):
        predict(room, metres_per_unit=0.001)


def test_what_was_written_is_read_and_what_is_damaged_is_refused(tmp_path):
    path = prediction_path(tmp_path, "deep/er/a")
    write_prediction(path, Prediction(METRES, "depth"))
    assert read_prediction(path).level_80 is None
    first = path.read_bytes()
    write_prediction(path, Prediction(METRES, "depth"))
    assert path.read_bytes() == first
    path.write_bytes(first[:200])
    with pytest.raises(InputError, match="a.npz is damaged .*expected an answer that mfh evaluate wrote"):
        read_prediction(path)
    with pytest.raises(InputError, match="no such file: .*b.npz"):
        read_prediction(tmp_path / "b.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"depth_m": METRES},
        {"depth_m": METRES, "space": np.str_("metres")},
        {"depth_m": METRES, "space": np.float64(3)},
        {"depth_m": METRES[0], "space": np.str_("depth")},
        {"depth_m": METRES[:0], "space": np.str_("depth")},
        {"depth_m": METRES.astype(complex), "space": np.str_("depth")},
        {"depth_m": np.array([[None]], object), "space": np.str_("depth")},
        {"depth_m": METRES, "space": np.str_("depth"), "level_80": np.array([1.0])},
        {"depth_m": METRES, "space": np.str_("depth"), "level_80": np.array([np.nan, 1])},
        {"depth_m": METRES, "space": np.str_("depth"), "level_95": np.array([2.0, 1.0])},
        {"depth_m": METRES, "space": np.str_("depth"), "level_95": np.array(["a", "b"])},
    ],
)
def test_an_answer_of_other_things_is_one_line(tmp_path, arrays):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"a\.npz") as caught:
        read_prediction(path)
    assert "\n" not in str(caught.value)


def test_a_file_of_others_is_never_replaced_by_an_answer(tmp_path):
    path = prediction_path(tmp_path, "a")
    np.save(tmp_path / "a.npy", METRES)
    (tmp_path / "a.npy").rename(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"a\.npz is there already"):
        write_prediction(path, Prediction(METRES, "depth"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["../a", "/etc/a", "b/../../a", "", "a\\b", "a\0b", "x" * 300, "CON", "a//b", "."])
def test_names_cannot_lead_out_of_the_folder(tmp_path, name):
    folder = tmp_path / "predictions"
    path = prediction_path(folder, name)
    assert ".." not in path.relative_to(folder).parts and path.suffix == ".npz"
    write_prediction(path, Prediction(METRES, "depth"))
    assert path.is_file() and read_prediction(path).space == "depth"
    assert predict(folder, name=name).space == "depth"


def test_usual_names_are_kept(tmp_path):
    assert prediction_path(tmp_path, "a/b.c") == tmp_path / "a" / "b.c.npz"


def test_answers_of_others_may_be_called_what_no_answer_of_ours_is(room):
    np.save(room / "room" / "a:b?.npy", METRES)
    assert (predict(room, name="room/a:b?").depth_m == METRES).all()
    np.save(room.parent / "secret.npy", METRES)
    with pytest.raises(InputError, match="no file for"):
        predict(room, name="../secret")


def test_no_file_or_two_are_failures_of_the_photo(room):
    with pytest.raises(
        InputError,
        match=r"no file for room/a in .*: expected one of room/a\{\.npy,\.npz,\.png,\.tif,\.tiff,\.pfm,\.exr\}",
    ):
        predict(room)
    np.save(room / "room" / "a.npy", METRES)
    np.savez(room / "room" / "a.npz", METRES)
    with pytest.raises(InputError, match=r"a\.npy and a\.npz for room/a"):
        predict(room)


def test_changed_files_are_other_settings(room):
    np.save(room / "room" / "a.npy", METRES)
    before = FileMethod(room, 1.0).settings
    assert before == FileMethod(room, 1.0).settings
    np.save(room / "room" / "b.npy", METRES)
    assert FileMethod(room, 1.0).settings["files"] != before["files"]
    assert FileMethod(room, 0.1).settings != FileMethod(room, 1.0).settings


@pytest.mark.parametrize(
    ("text", "metres"),
    [("m", 1.0), ("mm", 0.001), ("cm", 0.01), ("0.25", 0.25), ("1/256", 1 / 256), ("ft", 0.3048), ("1e-3", 0.001),
     ("0.5/2", 0.25), (" 2 ", 2.0), (".5", 0.5), ("1E2", 100.0)],
)  # fmt: skip
def test_units(text, metres):
    assert parse_unit(text) == metres


@pytest.mark.parametrize("text", ["parsec", "0", "-1", "1/0", "nan", "", "1e99999999", "1e-400", "10**-999", "9" * 5000,
                                  "1/" + "9" * 5000, "1e-10", "inf", "1/2/3", "0/1", "1e99", "١", "1/0.0",
                                  "1e-99999999"])  # fmt: skip
def test_what_is_no_unit(text):
    begin = time.monotonic()
    with pytest.raises(InputError, match="--unit is") as caught:
        parse_unit(text)
    assert time.monotonic() - begin < 1 and len(str(caught.value)) <= 2000


def test_a_folder_without_any_answer_is_refused_before_anything_runs(room):
    with pytest.raises(InputError, match="has no file for any of the 2 photos: expected names such as x.npy"):
        file_contender(room, "m", space="depth", names=("x", "y"))
    with pytest.raises(InputError, match="--predictions needs --unit"):
        file_contender(room, None, space="depth", names=("x",))
    with pytest.raises(InputError, match="--predictions: no folder"):
        file_contender(room / "nowhere", "m", space="depth", names=("x",))
