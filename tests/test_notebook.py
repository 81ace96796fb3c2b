"""Every cell of the notebook runs, in order, in the folder that Jupyter runs it in; results show themselves."""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "tutorial.ipynb"


def code_cells() -> list[str]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4
    return ["".join(one["source"]) for one in content["cells"] if one["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does, and return the value of its last line; None where that is no expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


def test_it_is_stored_without_outputs():
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [one for one in content["cells"] if one["cell_type"] == "code"]
    assert cells and all(one["outputs"] == [] and one["execution_count"] is None for one in cells)


@pytest.mark.slow
def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict[str, Any] = {}
    imports, *cells = code_cells()
    run_cell(imports, names)
    names["OUT"] = tmp_path / "out"
    result, pixel, figure, page, length, medians, about = (
        shown for shown in (run_cell(cell, names) for cell in cells) if shown is not None
    )
    assert "<img" in result._repr_html_() and "<iframe" in page._repr_html_()
    assert 1.5 < pixel[0] < 3.5 and 0 < pixel[1] < 1 and pixel[2][0] < 1 < pixel[2][1]
    assert figure.axes
    assert 1 < length[0] < 3 and length[1][0] < length[0] < length[1][1]
    assert medians[2] == pytest.approx(medians[0] * 50 / 37, rel=0.05)
    known = names["measured"]
    assert known.depth_m[394, 246] == pytest.approx(2.5, abs=0.1) and np.isfinite(medians[1])
    assert about.schema == "mfh/depth/1"
    assert {one.name for one in names["OUT"].iterdir()} >= {"depth.npz", "mesh.glb", "camera.json"}
