"""Set up before any test imports the package: one thread, shape checks on, hypothesis without a clock."""

import os
from pathlib import Path

# Two threads are erratic on small machines, and the libraries read this when they are first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Every jaxtyping annotation is checked at run time under pytest, and costs nothing in use. The pocket world is left
# out: numba compiles its kernels and cannot see through the checks.
_CHECKED = [
    f"mfh.{part}"
    for part in (
        "types",
        "config",
        "findings",
        "gathered",
        "conclusion",
        "adapters",
        "geometry",
        "numerics",
        "models",
        "io",
        "viz",
        "painting",
        "pipeline",
        "evaluation",
        "cli",
    )
]
install_import_hook(_CHECKED, "beartype.beartype")

settings.register_profile("mfh", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mfh")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of photos and reference numbers that is not part of the project; skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent: it holds photos and reference numbers that are not in the repository")
    return folder


@pytest.fixture
def metric_depth():
    """A small made-up result: one person used, one rejected, a quarter of the pixels without depth."""
    import numpy as np

    from mfh.types import Camera, FocalProvenance, Landmark, MetricDepth, MetricHead, Photo, RelativeDepth

    height, width = 48, 64
    rgb = np.random.default_rng(0).random((height, width, 3)).astype(np.float32)
    disparity = np.linspace(0.2, 1.8, height * width, dtype=np.float32).reshape(height, width)
    valid_mask = np.ones((height, width), bool)
    valid_mask[: height // 2, : width // 2] = False
    depth_m = np.where(valid_mask, 1 / (0.5 * disparity + 0.1), np.nan).astype(np.float32)
    used = Landmark(
        source="photo",
        measured_by="made-up",
        box_xyxy=(10.0, 5.0, 30.0, 45.0),
        score=0.9,
        distance_m=2.5,
        stature_m=1.7,
        pixels=400,
        verdict="used",
        reason="measured",
        reprojection_px=3.0,
    )
    rejected = Landmark(
        source="photo",
        measured_by="made-up",
        box_xyxy=(40.0, 20.0, 44.0, 30.0),
        score=0.3,
        distance_m=None,
        stature_m=None,
        pixels=0,
        verdict="rejected",
        reason="too small",
    )
    photo = Photo(
        rgb=rgb,
        camera=Camera(fx=55.0, fy=55.0, cx=31.5, cy=23.5, width=width, height=height),
        focal=FocalProvenance(source="default-fov", detail="unknown: 60° assumed", relative_sigma=0.25),
        name="photo.jpg",
        notes=("an odd photo",),
    )
    return MetricDepth(
        depth_m=depth_m,
        valid_mask=valid_mask,
        photo=photo,
        relative=RelativeDepth(values=disparity, space="disparity"),
        head=MetricHead(scale=0.5, shift=0.1, space="disparity", loss=float("nan"), shift_determined=False),
        landmarks=(used, rejected),
        preset="pocket",
        models={"relative_depth": "pocket", "people_finder": "blazepose"},
        seed=7,
        attempts=0,
        paintings=0,
        seconds={"relative depth": 0.25, "total": 1.25},
        warnings=("shift held back",),
    )


@pytest.fixture
def gathered(metric_depth):
    """What models may have said about the made-up photo: one person in it of two measured, and three painted ones."""
    import math
    from dataclasses import replace

    import numpy as np

    from mfh.gathered import Gathered
    from mfh.io.exif import ExifFacts
    from mfh.io.focal import choose_camera
    from mfh.types import Evidence, Landmark, Photo

    rng = np.random.default_rng(1)
    used, rejected = metric_depth.landmarks
    height, width = metric_depth.depth_m.shape
    camera, focal, notes = choose_camera(None, ExifFacts(), width=width, height=height)
    down, across = np.mgrid[0:1:48j, 0:1:64j]
    rgb = np.stack([down, across, 0.2 + 0 * down], -1).astype(np.float32)
    photo = Photo(rgb, camera, focal, "photo.jpg", ("an odd photo", *notes))
    # Everybody scatters about the made-up head, the painted ones alike all over their figures.
    bent = 1 / (0.5 * np.linspace(0.3, 1.7, 40) + 0.1) * np.exp(rng.normal(0, 0.02, 40))
    seen = Evidence(np.linspace(0.3, 1.7, 40), bent, np.zeros(40, int), (replace(used, origin_m=2.4), rejected))
    painted = []
    for number, relative in enumerate((0.4, 0.9, 1.6)):
        z = 1 / (0.5 * relative + 0.1) * math.exp(0.05 * (-1) ** number)
        figure = Landmark(
            source=f"painting {number}",
            measured_by="sprite",
            box_xyxy=(1.0, 2.0, 3.0, 4.0),
            score=1.0,
            distance_m=z,
            stature_m=1.75,
            pixels=30,
            verdict="used",
            reason="painted at a known size",
            log_distance_sigma=0.1,
            origin_m=z,
        )
        painted.append(
            Evidence(relative + rng.normal(0, 0.01, 30), np.full(30, z), np.zeros(30, int), (figure,)),
        )
    return Gathered(
        photo=photo,
        relative=replace(metric_depth.relative, log_range=(1.1, 0.4)),
        evidence=(seen, *painted),
        preset="pocket",
        models={"relative_depth": "pocket", "painter": "sprite"},
        seed=7,
        attempts=3,
        shared_log_sigma=0.1,
        shape_log_sigma=0.15,
        provenance="the painter learned it somewhere",
        max_depth_m=200.0,
        seconds={"relative depth": 0.25},
    )


@pytest.fixture
def painting(metric_depth):
    """A made-up painting in which nobody was found."""
    import numpy as np

    from mfh.types import MeasuredPainting

    rgb = metric_depth.photo.rgb
    return MeasuredPainting(0, rgb, np.ones(rgb.shape[:2], bool), (), ())
