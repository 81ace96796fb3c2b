"""``mfh pocket render``: what it writes, says and refuses."""

import importlib.util

import pytest

pytestmark = pytest.mark.slow


def test_render_writes_scenes_and_goes_on(run_mfh, tmp_path):
    words = ("pocket", "render", "--out", tmp_path / "s", "--width", 48, "--height", 36, "--samples", 1, "--workers", 1)
    first = run_mfh(*words, "--count", 1, "--seed", 7)
    assert first.code == 0 and first.err == ""
    assert "1 scenes rendered" in first.out and "ten test bodies" in first.out
    files = {path.name for path in (tmp_path / "s" / "scene-00000007").iterdir()}
    assert files == {"rgb.png", "depth.npz", "ids.png", "scene.json"}
    again = run_mfh(*words, "--count", 2, "--seed", 7)
    assert again.code == 0 and "1 scenes rendered" in again.out and "1 were there" in again.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--count", 0), "--count is 0"),
        (("--seed", -1), "--seed is -1"),
        (("--split", "held-out"), "--split is 'held-out': expected one of train, validation, test"),
        (("--split", "train"), "only of test"),
        (("--width", 8), "--width is 8"),
        (("--width", 640, "--height", 64), "too long and thin"),
        (("--samples", 0), "--samples is 0"),
        (("--workers", 0), "--workers is 0"),
        (("--workers", 10**9), "--workers is 1000000000"),
        (("--samples", 10**9), "--samples is 1000000000"),
        (("--count", 10**18), "--count is 1000000000000000000"),
        (("--seed", 10**40), "--seed is 1000"),
        (("--people", "all"), "all"),
        (("--bank", "nowhere.npz"), "no such file: body bank nowhere.npz"),
    ],
)
def test_what_cannot_be_rendered_is_one_line(run_mfh, tmp_path, words, message):
    run = run_mfh("pocket", "render", "--count", 1, "--out", tmp_path / "s", *words)
    assert run.code == 2 and message in run.error_line and run.out == ""
    assert not (tmp_path / "s").exists()


def test_clip_writes_frames_truth_and_film_and_goes_on(run_mfh, tmp_path):
    out = tmp_path / "c"
    words = ("pocket", "clip", "--out", out, "--seed", 7, "--width", 48, "--height", 36, "--samples", 1, "--workers", 1)
    first = run_mfh(*words, "--frames", 3)
    assert first.code == 0 and first.err == "" and "3 frames rendered" in first.out
    assert {path.name for path in out.iterdir()} == {"clip.json", "clip.mp4", "frames", "truth"}
    assert sorted(path.name for path in (out / "frames").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    kept = (out / "frames" / "00001.png").read_bytes()
    (out / "frames" / "00001.png").unlink()
    again = run_mfh(*words, "--frames", 3)
    assert again.code == 0 and "1 frames rendered" in again.out and "2 were there" in again.out
    assert (out / "frames" / "00001.png").read_bytes() == kept
    other = run_mfh(*words, "--frames", 3, "--camera", "static")
    assert other.code == 2 and "holds another clip" in other.error_line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--frames", 0), "--frames is 0"),
        (("--fps", 0), "--fps is 0"),
        (("--width", 47), "--width is 47: expected an even number"),
        (("--height", 8), "--height is 8"),
        (("--workers", 0), "--workers is 0"),
        (("--split", "train"), "no adult of split 'train'"),
        (("--seed", -1), "--seed is -1"),
        (("--camera", "drone"), "drone"),
    ],
)
def test_a_clip_that_cannot_be_rendered_is_one_line(run_mfh, tmp_path, words, message):
    run = run_mfh("pocket", "clip", "--out", tmp_path / "c", *words)
    assert run.code == 2 and message in run.error_line and run.out == ""
    assert not (tmp_path / "c").exists()


def test_a_clip_never_goes_among_other_files(run_mfh, tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    run = run_mfh("pocket", "clip", "--out", tmp_path, "--frames", 1, "--width", 48, "--height", 36)
    assert run.code == 2 and "holds other files" in run.error_line
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_written_is_one_line(run_mfh, tmp_path):
    (tmp_path / "file").write_text("")
    run = run_mfh("pocket", "render", "--count", 1, "--out", tmp_path / "file" / "s")
    assert run.code == 2 and "is a file" in run.error_line


def test_without_numba_one_line_says_what_to_install(run_mfh, tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "mfh_lab.pocket.world.workers.find_spec", lambda name: None if name == "numba" else find_spec(name)
    )
    run = run_mfh("pocket", "render", "--count", 1, "--out", tmp_path / "s")
    assert run.code == 2 and "metric-from-human[train]" in run.error_line
