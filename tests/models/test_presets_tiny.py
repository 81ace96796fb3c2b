"""The preset of the paper, end to end on tiny random-weight copies: nobody can be seen in what they paint."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mfh.config import PRESETS, preset
from mfh.errors import NoLandmarkError
from mfh.models.needs import needs_of
from mfh.models.registry import load_models
from mfh.pipeline import MetricFromHuman
from mfh.types import Camera, FocalProvenance, Photo

pytest.importorskip("diffusers")


class Blind:
    """Finds nobody; stands in for the person finder and the mesh model."""

    name = "blind"

    def segment(self, photos: Sequence[np.ndarray], regions: object = None) -> list[list]:
        return [[] for _ in photos]

    def measure(self, photo: np.ndarray, people: Sequence[object], camera: Camera) -> list:
        return []


def test_the_papers_models_find_nobody_in_noise_and_say_so_within_their_budget(tiny_weights):
    config = preset("paper")
    tiny_weights("sd2", "depth-anything-v1-large")
    models = load_models({"painter": config.painter or "", "relative_depth": config.relative_depth})
    painter = models["painter"]
    painter.options = replace(painter.options, short_side_px=64, long_side_px=96, steps=2)
    config = replace(config, painting=replace(config.painting, max_attempts=5, batch_size=2))
    pipeline = MetricFromHuman(
        config,
        relative_depth=models["relative_depth"],
        person_segmenter=Blind(),
        human_mesh=Blind(),
        painter=painter,
    )
    rgb = np.random.default_rng(0).random((60, 80, 3)).astype(np.float32)
    photo = Photo(rgb, Camera(70.0, 70.0, 39.5, 29.5, 80, 60), FocalProvenance("explicit", "given", 0.0))
    with pytest.raises(NoLandmarkError, match=r"5 paintings \(max_attempts = 5 reached\): 0 found"):
        pipeline(photo)
    soon = replace(config, painting=replace(config.painting, max_attempts=10_000, budget_s=0.5))
    pipeline.config = soon
    begin = time.monotonic()
    with pytest.raises(NoLandmarkError, match=r"budget_s = 0\.5 spent"):
        pipeline(photo)
    assert time.monotonic() - begin < 60, "it went on painting"


def test_what_the_presets_need():
    paper = needs_of(PRESETS["paper"])
    assert paper.artefacts == ("depth-anything-v1-large", "mask_rcnn", "hmr2", "smpl", "sd2")
    assert {"torch", "diffusers", "torchvision"} <= set(paper.packages) and paper.gpu_gb > 5
    assert set(paper.blocked) == {"hmr2", "smpl"}
    assert 5e9 < paper.disk_bytes < 9e9
    standard = needs_of(PRESETS["standard"])
    assert {"sdxl", "lcm-sdxl"} <= set(standard.artefacts) and "peft" in standard.packages
    pocket = needs_of(PRESETS["pocket"])
    assert pocket.packages == {} and pocket.gpu_gb == 0 and not pocket.blocked


def test_the_papers_numbers():
    paper = PRESETS["paper"]
    # Sec. 4: N = 32. App. B: full-height strips of 0.2 to 0.8 of the shorter side. Eq. 3: "a man", "a woman".
    assert paper.painting.max_paintings == 32 and paper.painting.mask_shape == "strip"
    assert (paper.painting.min_width, paper.painting.max_width) == (0.2, 0.8)
    assert paper.painting.prompts == ("a man", "a woman") and paper.people == "paint"
    from mfh.models.painters.diffusers_inpainting import PAPER

    assert (PAPER.guidance_scale, PAPER.steps, PAPER.short_side_px) == (20.0, 50, 512)
