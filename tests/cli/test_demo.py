"""``mfh demo``: measured against true metres."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mfh.cli.demo
from mfh.cli.demo import read_example
from mfh.errors import InputError
from tests.made_up import with_depth

EXAMPLE = Path(mfh.cli.demo.__file__).parents[1] / "examples" / "room"


def test_metres_are_compared_with_the_truth(run_mfh, fake_pipeline, monkeypatch, metric_depth, tmp_path):
    _, _, truth_m, places = read_example(EXAMPLE)
    valid_mask = np.isfinite(truth_m) & (truth_m > 0)

    def too_far(self, photo, request):
        return with_depth(metric_depth, np.where(valid_mask, 1.1 * truth_m, np.nan), photo=photo)

    monkeypatch.setattr(mfh.pipeline.pipeline.MetricFromHuman, "__call__", too_far)
    run = run_mfh("demo", "--out", tmp_path / "out")
    assert run.code == 0 and run.err == ""
    rows = [line for line in run.out.splitlines() if line.endswith("+10 %")]
    assert len(rows) == len(places) >= 4
    assert "AbsRel) 0.100" in run.out
    picture = tmp_path / "out" / "demo" / "preview.png"
    assert str(picture) in run.out and Image.open(picture).width > 1000


def test_the_packaged_example_is_whole():
    photo, camera, truth_m, places = read_example(EXAMPLE)
    with Image.open(photo) as image:
        assert image.size == truth_m.shape[::-1]
    facts = json.loads(camera.read_text(encoding="utf-8"))
    assert (facts["width"], facts["height"]) == truth_m.shape[::-1]
    people = [place for place in places if "person" in place.name]
    assert len(people) >= 3
    for place in places:
        assert 0.5 < truth_m[place.y, place.x] < 50, place.name
    # People at different distances, or the shift of the metric head would hang in the air.
    distances_m = [truth_m[place.y, place.x] for place in people]
    assert max(distances_m) / min(distances_m) > 1.5


def test_an_installation_without_the_example_says_so(tmp_path):
    with pytest.raises(InputError, match="install metric-from-human again"):
        read_example(tmp_path)
