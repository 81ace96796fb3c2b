"""Tables of the paper's preset on photos in NYUv2's layout, with tiny random copies of its models."""

import json

import pytest
from benchmarks.nyu_rooms import write_rooms

from tests.tiny_weights import _tiny_cache, no_network, tiny_weights

__all__ = ["_tiny_cache", "no_network", "tiny_weights"]
pytestmark = pytest.mark.slow

# Without torchvision, Mask2Former finds the people; a diffusion model takes minutes on a CPU even if it is tiny.
WORDS = ("--limit", 1, "--painter", "sprite", "--person-segmenter", "mask2former")


@pytest.fixture
def cells(run_mfh, tmp_path, tiny_weights):
    tiny_weights("depth-anything-v1-large", "zoedepth", "marigold", "mask2former", "hmr2", "smpl")
    write_rooms(tmp_path / "rooms", 1)

    def measure(name):
        words = ("reproduce", name, "--root", f"nyu={tmp_path / 'rooms'}", *WORDS, "--out", tmp_path / "out")
        run = run_mfh(*words)
        assert run.code == 0, run.err
        assert "preset paper, painter sprite, person segmenter mask2former" in run.out
        content = json.loads((tmp_path / "out" / "paper" / f"{name}.json").read_text())
        return content["cells"]

    return measure


def test_every_row_of_table_3_runs_the_papers_models(cells):
    rows = cells("table3")
    assert len(rows) == 12 and all(row["photos"] == 1 and row["waits_for"] == "" for row in rows)
    true = [row for row in rows if row["target"].startswith("true")]
    assert sum(row["answered"] for row in true) >= 3 and all(row["delta1_paper"] is not None for row in rows)


def test_every_row_of_table_8_is_measured_or_waits_with_a_command(cells):
    rows = {row["painter"]: row for row in cells("table8")}
    assert set(rows) == {"Stable Diffusion v1.5", "Stable Diffusion XL", "Stable Diffusion v2", "sprite painter"}
    assert rows["sprite painter"]["photos"] == 1 and rows["sprite painter"]["command"] == ""
    for name, weights in (("Stable Diffusion v1.5", "sd15"), ("Stable Diffusion XL", "sdxl")):
        assert rows[name]["waits_for"] == f"weights of {weights}" and rows[name]["photos"] == 0
        assert rows[name]["command"].startswith(f"mfh weights fetch {weights} && mfh reproduce table8 --root nyu=")
        assert "--painter sprite --person-segmenter mask2former" in rows[name]["command"]
