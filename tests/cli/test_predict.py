"""``mfh predict``: files, table, JSON, exit codes; every bad input is one line on stderr and exit code 2."""

import json
import math
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mfh.cli.options import MethodOptions, parse_seconds
from mfh.config import preset
from mfh.errors import InputError
from mfh.io.depth import read_depth_npz
from mfh.io.read_depth import read_depth
from mfh.types import MeasuredPainting
from tests.made_up import with_depth

FILES = ["depth.npz", "depth.png", "preview.png", "receipt.json"]


@pytest.mark.slow
def test_four_files_and_a_table(run_mfh, fake_pipeline, photo_path, tmp_path):
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out", "--focal-px", "50")
    assert (run.code, run.err) == (0, "")
    folder = tmp_path / "out" / "photo"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    for expected in ("1 person of 2", "1 (shift 0, regularized; depth)", "5.00 m median", "given: 50 px", "seconds"):
        assert expected in run.out
    stored = read_depth_npz(folder / "depth.npz")
    assert stored.K[0, 0] == 50
    millimetres = read_depth(folder / "depth.png").depth_m
    np.testing.assert_allclose(millimetres, stored.depth_m, atol=0.00051)
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["focal"]["source"] == "explicit"
    assert receipt["depth_m"]["median"] == pytest.approx(5.0)
    assert Image.open(folder / "preview.png").width > 1000


def test_json_is_one_object_and_nothing_else(run_mfh, fake_pipeline, photo_path, tmp_path):
    shutil.copy(photo_path, tmp_path / "nobody.jpg")
    run = run_mfh(
        "predict", photo_path, tmp_path / "nobody.jpg", tmp_path / "absent.jpg", "--json", "--out", tmp_path / "o"
    )
    assert run.code == 2
    good, nobody, absent = json.loads(run.out)["photos"]
    assert good["people_used"] == 1 and good["folder"] == str(tmp_path / "o" / "photo")
    assert nobody["error_kind"] == "NoLandmarkError" and nobody["tried"] == ["people in the photo: 0 found"]
    assert absent["error_kind"] == "InputError" and "no such file" in absent["error"]
    assert len(run.err.splitlines()) == 2


def test_json_of_a_wrong_option_is_one_object_too(run_mfh, photo_path):
    run = run_mfh("predict", photo_path, "--json", "--focal-px", "0")
    assert run.code == 2
    assert json.loads(run.out)["photos"] == [] and "--focal-px is 0" in json.loads(run.out)["error"]


@pytest.mark.slow
def test_quiet_prints_nothing(run_mfh, fake_pipeline, photo_path, tmp_path):
    run = run_mfh("predict", photo_path, "--quiet", "--out", tmp_path / "out")
    assert (run.code, run.out, run.err) == (0, "", "")
    assert (tmp_path / "out" / "photo" / "receipt.json").exists()


def test_nobody_to_measure_by_is_exit_code_3(run_mfh, fake_pipeline, photo_path, tmp_path):
    nobody = shutil.copy(photo_path, tmp_path / "nobody.jpg")
    run = run_mfh("predict", nobody, "--out", tmp_path / "out")
    assert run.code == 3
    assert "nobody was found" in run.error_line and "tried: people in the photo: 0 found" in run.error_line
    assert not (tmp_path / "out" / "nobody").exists()


@pytest.mark.slow
def test_a_bad_photo_does_not_cost_the_others(run_mfh, fake_pipeline, photo_path, tmp_path):
    other = shutil.copy(photo_path, tmp_path / "other.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    run = run_mfh("predict", photo_path, tmp_path / "text.jpg", other, "--out", tmp_path / "out")
    assert run.code == 2
    assert "text.jpg is not a picture" in run.error_line
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["other", "photo"]
    assert len(fake_pipeline) == 1, "models are loaded once"


@pytest.mark.slow
def test_photos_of_one_name_get_folders_of_their_own(run_mfh, fake_pipeline, photo_path, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "b").mkdir()
    twin = shutil.copy(photo_path, tmp_path / "b" / "photo.jpg")
    assert run_mfh("predict", photo_path, twin, photo_path, "--out", out).code == 0
    assert sorted(path.name for path in out.iterdir()) == ["photo", "photo-2"]
    # In later runs too: each photo finds its own folder again, and a third one gets a third.
    (tmp_path / "c").mkdir()
    third = shutil.copy(photo_path, tmp_path / "c" / "photo.png")
    for path in (twin, photo_path, third):
        assert run_mfh("predict", path, "--out", out).code == 0
    owners = {folder.name: json.loads((folder / "receipt.json").read_text())["photo"] for folder in out.iterdir()}
    assert owners == {"photo": str(photo_path), "photo-2": str(twin), "photo-3": str(third)}


def test_results_of_somebody_unknown_are_left_alone(run_mfh, fake_pipeline, photo_path, tmp_path):
    foreign = tmp_path / "out" / "photo" / "depth.npz"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out").code == 0
    assert foreign.read_text() == "mine" and (tmp_path / "out" / "photo-2" / "depth.npz").exists()


def test_options_reach_the_pipeline(run_mfh, fake_pipeline, photo_path, tmp_path):
    words = "--people paint --paintings 40 --budget 1m30s --seed 5 --preset pocket".split()
    words += ["--prompt", "a woman", "--prompt", "a tall man"]
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out", *words).code == 0
    (asked,) = fake_pipeline
    assert (asked.name, asked.people, asked.seed) == ("pocket", "paint", 5)
    painting = asked.painting
    assert (painting.max_paintings, painting.max_attempts, painting.budget_s) == (40, 80, 90.0)
    assert painting.prompts == ("a woman", "a tall man")


@pytest.mark.parametrize("mode", ["body", "contact", "either"])
def test_evidence_is_for_the_photo_and_for_paintings(run_mfh, fake_pipeline, photo_path, tmp_path, mode):
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out", "--evidence", mode).code == 0
    (config,) = fake_pipeline
    assert (config.photo_evidence, config.painting_evidence) == (mode, mode)


def test_evidence_is_the_preset_s_where_nothing_is_said(run_mfh, fake_pipeline, photo_path, tmp_path):
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out").code == 0
    assert fake_pipeline == [preset("pocket")]


def test_sixteen_paintings(run_mfh, fake_pipeline, photo_path, tmp_path):
    words = "--people paint --paintings 16".split()
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out", *words).code == 0
    (asked,) = fake_pipeline
    painting = asked.painting
    assert asked.people == "paint" and (painting.max_paintings, painting.max_attempts) == (16, 32)


def painted(metric_depth, count):
    """The made-up result as if painted people had given it; each second painting gave nothing."""
    used, rejected = metric_depth.landmarks
    kept = []
    for number in range(count):
        one = replace(rejected if number % 2 else used, source=f"painting {number}", evidence="contact")
        rgb = np.full(metric_depth.photo.rgb.shape, number / 10, np.float32)
        kept.append(MeasuredPainting(number, rgb, np.ones(rgb.shape[:2], bool), (one,), (None,)))
    landmarks = tuple(one for painting in kept for one in painting.landmarks)
    return replace(
        metric_depth, landmarks=landmarks, kept_paintings=tuple(kept), attempts=count, paintings=(count + 1) // 2
    )


@pytest.mark.slow
def test_paintings_are_saved_with_their_strip(run_mfh, fake_pipeline, photo_path, tmp_path, monkeypatch, metric_depth):
    import mfh.pipeline.pipeline

    folder = tmp_path / "out" / "photo"
    for count in (5, 3):
        result = painted(metric_depth, count)
        monkeypatch.setattr(
            mfh.pipeline.pipeline.MetricFromHuman, "__call__", lambda self, photo, request, result=result: result
        )
        run = run_mfh("predict", photo_path, "--save-paintings", "--out", tmp_path / "out")
        assert run.code == 0, run.err
        assert f"paintings/ ({count}), preview.png, strip.png" in run.out
        assert f"{(count + 1) // 2} painted people of {count} considered" in run.out
        assert f"{(count + 1) // 2} of {count} paintings ({(count + 1) // 2} by ground contact)" in run.out
        names = [f"{number:02d}.png" for number in range(count)]
        assert sorted(path.name for path in (folder / "paintings").iterdir()) == names, "none of an earlier run"
        assert np.asarray(Image.open(folder / "paintings" / "01.png"))[0, 0].tolist() == [26, 26, 26]
        assert Image.open(folder / "strip.png").height > 400
        receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
        assert receipt["files"]["strip"] == "strip.png" and receipt["files"]["paintings"] == "paintings"
        assert receipt["kept_paintings"][:2] == [
            {"number": 0, "file": "paintings/00.png", "used": True, "reason": "measured"},
            {"number": 1, "file": "paintings/01.png", "used": False, "reason": "too small"},
        ]
        assert receipt["landmarks"][0]["evidence"] == "contact"
    assert fake_pipeline[0].keep_paintings is True
    # Measured again without: paintings are expensive and stay, and the receipt says whose they are.
    result = replace(metric_depth, kept_paintings=())
    monkeypatch.setattr(mfh.pipeline.pipeline.MetricFromHuman, "__call__", lambda self, photo, request: result)
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out").code == 0
    earlier = ["paintings/00.png", "paintings/01.png", "paintings/02.png", "strip.png"]
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["from_earlier_run"] == earlier and all((folder / name).exists() for name in earlier)


def test_spaces_and_letters_of_other_alphabets(run_mfh, fake_pipeline, photo_path, tmp_path):
    path = shutil.copy(photo_path, tmp_path / "ein Foto – 写真 ñ.jpg")
    run = run_mfh("predict", path, "--out", tmp_path / "résultats finaux", "--json")
    assert run.code == 0
    folder = tmp_path / "résultats finaux" / "ein Foto – 写真 ñ"
    assert json.loads(run.out)["photos"][0]["folder"] == str(folder)
    assert sorted(file.name for file in folder.iterdir()) == FILES


def test_intrinsics_file(run_mfh, fake_pipeline, photo_path, tmp_path):
    (tmp_path / "k.json").write_text(json.dumps({"fx": 60, "fy": 61, "cx": 31.5, "cy": 23.5, "camera": "mine"}))
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out", "--intrinsics", tmp_path / "k.json").code == 0
    stored = read_depth_npz(tmp_path / "out" / "photo" / "depth.npz")
    np.testing.assert_array_equal(stored.K, [[60, 0, 31.5], [0, 61, 23.5], [0, 0, 1]])


def test_far_pixels_are_said_to_end_in_the_png(run_mfh, fake_pipeline, photo_path, tmp_path, monkeypatch, metric_depth):
    import mfh.pipeline.pipeline

    far = with_depth(metric_depth, np.full_like(metric_depth.depth_m, 100.0))
    monkeypatch.setattr(mfh.pipeline.pipeline.MetricFromHuman, "__call__", lambda self, photo, request: far)
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out")
    assert run.code == 0 and "depth.png ends at 65.535 m" in run.out


def test_a_fault_of_the_program_is_one_line_too(run_mfh, fake_pipeline, photo_path, tmp_path, monkeypatch):
    import mfh.pipeline.pipeline

    monkeypatch.delenv("MFH_TRACEBACK", raising=False)
    monkeypatch.setattr(mfh.pipeline.pipeline.MetricFromHuman, "__call__", lambda self, photo, request: 1 / 0)
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out")
    assert run.code == 1 and "ZeroDivisionError" in run.error_line and "MFH_TRACEBACK=1" in run.error_line


def test_interruption_is_exit_code_130_and_leaves_no_files(run_mfh, fake_pipeline, photo_path, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mfh.viz.save.preview", interrupt)
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out")
    assert run.code == 130 and run.error_line == "mfh: interrupted; files already written are whole"
    assert not any(path.name.endswith(".tmp") or ".tmp." in path.name for path in (tmp_path / "out").rglob("*"))
    assert not (tmp_path / "out" / "photo" / "receipt.json").exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("0.5s", 0.5), ("2m", 120), ("1m30s", 90), ("1m 30 s", None), ("", None)],
)
def test_durations(text, seconds):
    if seconds is None:
        with pytest.raises(InputError):
            parse_seconds(text)
    else:
        assert math.isclose(parse_seconds(text), seconds)


@pytest.mark.slow
def test_other_models_by_name_or_place(run_mfh, fake_pipeline, photo_path, tmp_path):
    words = ["--painter", "hf:org/name", "--relative-depth-model", "depth-anything-v2-small"]
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out", *words).code == 0
    assert fake_pipeline[-1].painter == "hf:org/name"
    assert fake_pipeline[-1].relative_depth == "depth-anything-v2-small"
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out", "--painter", "sd9")
    assert run.code == 2 and "unknown painter model 'sd9'" in run.error_line and "sd2" in run.error_line
    # The paper never looks for people in the photo; that is the preset's choice until the user says otherwise.
    run_mfh("predict", photo_path, "--out", tmp_path / "out", "--preset", "paper")
    assert fake_pipeline[-1].people == "paint"
    run_mfh("predict", photo_path, "--out", tmp_path / "out", "--preset", "paper", "--people", "auto")
    assert fake_pipeline[-1].people == "auto"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "question"),
    [
        (("--focal-35mm", "4.25"), "--focal-35mm 4.25 is a focal length wider than any lens"),
        (("--fov-x-deg", "0.9"), "--fov-x-deg 0.9 is a focal length longer than nearly any lens"),
        (("--focal-px", "1"), "--focal-px 1 is a focal length wider than any lens"),
        (("--intrinsics", "k.json"), "--intrinsics k.json has focal lengths fx = 100.0 and fy = 50.0"),
    ],
)
def test_an_odd_given_focal_length_is_questioned_in_one_line(
    run_mfh, fake_pipeline, photo_path, tmp_path, monkeypatch, words, question
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k.json").write_text('{"fx": 100, "fy": 50, "cx": 31.5, "cy": 23.5}')
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out", *words)
    assert run.code == 0
    assert sum(question in line for line in run.out.splitlines()) == 1
    receipt = json.loads((tmp_path / "out" / "photo" / "receipt.json").read_text(encoding="utf-8"))
    assert sum(question in warning for warning in receipt["warnings"]) == 1


def test_a_given_focal_length_no_camera_has_is_an_error(run_mfh, fake_pipeline, photo_path, tmp_path):
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out", "--fov-x-deg", "0.0001")
    assert run.code == 2 and "--fov-x-deg 0.0001 is a focal length of" in run.error_line


@pytest.mark.slow
def test_who_finds_and_measures_people_and_who_sees_the_focal_length(run_mfh, fake_pipeline, photo_path, tmp_path):
    words = ["--person-segmenter", "mask2former", "--human-mesh", "blazepose", "--fov-from", "depth-pro"]
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out", "--preset", "paper", *words).code == 0
    other = {"person_segmenter": "mask2former", "human_mesh": "blazepose", "field_of_view": "depth-pro"}
    assert fake_pipeline == [replace(preset("paper"), **other)]
    run = run_mfh("predict", photo_path, "--out", tmp_path / "out", "--fov-from", "mogge")
    assert run.code == 2 and "unknown field of view model 'mogge': expected one of: depth-pro, moge" in run.error_line


@pytest.mark.slow
def test_commercial_ok_says_what_takes_whose_place(run_mfh, fake_pipeline, photo_path, tmp_path):
    place = ["predict", photo_path, "--out", tmp_path / "out"]
    run = run_mfh(*place, "--preset", "standard", "--commercial-ok")
    assert run.code == 0
    assert "depth-anything-v2-small takes the place of the relative depth depth-anything-v2-large" in run.err
    other = {"relative_depth": "depth-anything-v2-small", "person_segmenter": "blazepose", "human_mesh": "blazepose"}
    assert fake_pipeline == [replace(preset("standard"), **other)]
    fake_pipeline.clear()
    run = run_mfh(*place, "--commercial-ok")
    assert run.err == "" and fake_pipeline == [preset("pocket")]
    run = run_mfh(*place, "--painter", "hf:org/name", "--commercial-ok")
    assert run.code == 2 and "the licence of the painter hf:org/name is not known here" in run.error_line


@pytest.mark.slow
def test_the_photo_is_never_replaced_by_its_own_results(run_mfh, fake_pipeline, photo_path, tmp_path):
    photo = tmp_path / "out" / "depth" / "depth.png"
    photo.parent.mkdir(parents=True)
    Image.open(photo_path).save(photo)
    before = photo.read_bytes()
    run = run_mfh("predict", photo, "--out", tmp_path / "out")
    assert run.code == 0 and f"the results went to {tmp_path}/out/depth-2, since {photo} was not written by" in run.out
    assert photo.read_bytes() == before and (tmp_path / "out" / "depth-2" / "receipt.json").exists()


@pytest.mark.slow
def test_relative_depth_that_is_an_earlier_result_stays(run_mfh, fake_pipeline, photo_path, tmp_path):
    out = tmp_path / "out"
    assert run_mfh("predict", photo_path, "--out", out).code == 0
    before = (out / "photo" / "depth.png").read_bytes()
    run = run_mfh(
        "predict", photo_path, "--out", out, "--relative-depth", out / "photo" / "depth.png", "--space", "depth"
    )
    assert (out / "photo" / "depth.png").read_bytes() == before, run.err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["...jpg", "a\nb.jpg", "\udcff.jpg", "x" * 200 + ".jpg"])
def test_results_of_any_file_name_lie_in_out(run_mfh, fake_pipeline, photo_path, tmp_path, name):
    photo = tmp_path / "in" / name
    photo.parent.mkdir()
    shutil.copy(photo_path, photo)
    run = run_mfh("predict", photo, "--out", tmp_path / "out", "--json")
    assert (run.code, run.err) == (0, "")
    (one,) = json.loads(run.out)["photos"]
    assert os.path.samefile(tmp_path / "out", os.path.dirname(one["folder"])) and one["photo"] == str(photo)
    assert run_mfh("verify", tmp_path / "out").code == 0


def test_the_paper_s_settings_are_on_the_command_line():
    """Alpha, beta, strips (App. B), guidance and steps; what is not given is the preset's."""
    config = MethodOptions(
        preset="paper", alpha=0.3, beta=0.5, guidance_scale=7.5, steps=20, mask_shape="strip", paintings=4
    ).config()
    painting = config.painting
    assert (painting.min_width, painting.max_width, painting.max_paintings) == (0.3, 0.5, 4)
    assert (painting.guidance_scale, painting.steps, painting.mask_shape) == (7.5, 20, "strip")
    assert MethodOptions(preset="paper").config() == preset("paper")
    assert MethodOptions(preset="standard", mask_shape="strip").config().painting.mask_shape == "strip"
    assert preset("paper").painting.mask_shape == "strip" and not preset("paper").gates


def test_guidance_is_no_setting_of_a_painter_without_it(run_mfh, photo_path, tmp_path):
    run = run_mfh("predict", photo_path, "--steps", "20", "--out", tmp_path)
    assert run.code == 2 and "--steps" in run.error_line and "painters by diffusion" in run.error_line
