"""The Python of docs/guide/evaluation.md runs as it stands."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_a_method_of_ones_own_as_documented(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "photos" / "wall"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((12, 16, 3), np.uint8)).save(folder / "rgb.png")
    np.save(folder / "depth.npy", np.full((12, 16), 2.0, np.float32))
    (folder / "intrinsics.json").write_text(json.dumps({"fx": 16.0, "fy": 16.0, "cx": 7.5, "cy": 5.5}))
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "guide" / "evaluation.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/guide/evaluation.md", "exec"), {})
    (line,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("metric"))
    # 3 m for 2 m: 50 % off.
    assert line[3:8] == ["1", "0.000", "1.000", "1.000", "0.500"]
    assert (tmp_path / "out" / "three-metres" / "scores.csv").is_file()
