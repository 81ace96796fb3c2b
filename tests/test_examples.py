"""The examples run offline on the packaged photo, and write what their docstrings promise."""

import ast
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from mfh.io.depth import read_depth_npz

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))
PHOTO = REPOSITORY / "src" / "mfh" / "examples" / "room" / "rgb.png"
RESULT = ("depth.npz", "depth.png", "preview.png", "receipt.json")


def run(number: int, out: Path) -> None:
    (path,) = (one for one in EXAMPLES if one.name.startswith(f"{number:02d}_"))
    runpy.run_path(str(path))["main"](PHOTO, out)


def median_m(folder: Path) -> float:
    assert {one.name for one in folder.iterdir() if not one.name.startswith(".")} >= set(RESULT)
    return float(np.nanmedian(read_depth_npz(folder / "depth.npz").depth_m))


def test_they_are_numbered_and_short():
    assert [one.name[:3] for one in EXAMPLES] == [f"{number:02d}_" for number in range(1, len(EXAMPLES) + 1)]
    for path in EXAMPLES:
        assert 20 <= len(path.read_text().splitlines()) <= 68, path.name
        assert ast.get_docstring(ast.parse(path.read_text())), path.name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_a_photo_that_is_missing_is_one_line(path, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [path.name, str(tmp_path / "none.jpg"), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match=r"^no such file: .*none\.jpg; expected [^\n]+$"):
        runpy.run_path(str(path), run_name="__main__")


def test_01_writes_the_files_of_mfh_predict(tmp_path, capsys):
    run(1, tmp_path / "result")
    assert 4 < median_m(tmp_path / "result") < 7
    assert re.search(r"person 0 +\d\.\d\d m, used", capsys.readouterr().out)


def test_02_writes_two_figures(tmp_path):
    pytest.importorskip("matplotlib")
    run(2, tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"depth.png", "uncertainty.png"}


def test_02_without_matplotlib_names_the_command(tmp_path, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys, "argv", ["02_plot.py", str(PHOTO), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"pip install '[\w-]+\[plot\]'$"):
        runpy.run_path(str(REPOSITORY / "examples" / "02_plot.py"), run_name="__main__")


def test_03_a_known_distance_moves_the_wall_and_narrows_its_interval(tmp_path, capsys):
    run(3, tmp_path)
    rows = re.findall(r"wall +([\d.]+) m \(([\d.]+) to ([\d.]+) m", capsys.readouterr().out)
    (before, *low_high), (after, *narrower) = ([float(one) for one in row] for row in rows)
    assert abs(after - 9.52) < abs(before - 9.52) and narrower[1] / narrower[0] < low_high[1] / low_high[0]
    assert median_m(tmp_path / "people") < median_m(tmp_path / "known-distance")


def test_04_scale_and_shift_of_the_map_do_not_matter(tmp_path, capsys):
    run(4, tmp_path)
    (difference,) = re.findall(r"median difference ([\d.e+-]+) of", capsys.readouterr().out)
    assert float(difference) < 1e-3
    assert 4 < median_m(tmp_path / "result") < 7


def test_05_another_focal_length_scales_depth(tmp_path):
    run(5, tmp_path)
    before, after = median_m(tmp_path / "as-it-was"), median_m(tmp_path / "focal-length-26-mm")
    # 60 degrees along the long side are 31.2 mm.
    assert after / before == pytest.approx(26 / 31.2, rel=0.02)
    reference = (REPOSITORY / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    with np.load(tmp_path / "evidence.npz", allow_pickle=False) as arrays:
        assert not {name for name in arrays.files if f"`{name}`" not in reference}


def test_06_the_painter_keeps_its_contract(tmp_path, capsys):
    run(6, tmp_path / "result")
    median_m(tmp_path / "result")
    text = capsys.readouterr().out
    assert "8 painted people of" in text and "an assumption" in text

    (path,) = (one for one in EXAMPLES if one.name.startswith("06_"))
    painter = runpy.run_path(str(path))["FloorPainter"]()
    photo = np.random.default_rng(0).random((96, 128, 3), np.float32)
    masks = [np.zeros((96, 128), bool) for _ in range(2)]
    masks[0][:, 20:80] = True
    masks[1][:10, :10] = True
    painted, empty = painter.paint(photo, masks, ["a man", "a woman"], [3, 4])
    assert painted.paint_mask.any() and not empty.paint_mask.any()
    assert not (painted.paint_mask & ~masks[0]).any()
    np.testing.assert_array_equal(painted.rgb[~painted.paint_mask], photo[~painted.paint_mask])
    (alone,) = painter.paint(photo, masks[:1], ["a man"], [3])
    np.testing.assert_array_equal(alone.rgb, painted.rgb)


def test_07_what_is_written_is_read_back_by_its_description(tmp_path, capsys):
    run(7, tmp_path)
    names = {one.name for one in tmp_path.iterdir()}
    assert names == {"depth.npz", "mesh.glb", "camera.json", "preview.png", "receipt.json", "other.npy"}
    text = capsys.readouterr().out
    assert "rgb.png: z in m, 640x480, mfh/depth/1" in text and "in whole millimetres: 0.5 mm off at most" in text
    z, ray = (float(one) for one in re.findall(r"z ([\d.]+) m, along the line of sight ([\d.]+) m", text)[0])
    assert 1 < z <= ray < 20
