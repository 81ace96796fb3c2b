"""Answers of a whole run that nothing was run for: simulated results, evidence and paintings."""

import math
from dataclasses import replace

import numpy as np

from mfh.io.exif import ExifFacts
from mfh.io.focal import choose_camera
from mfh.types import (
    Camera,
    Evidence,
    Figure,
    FocalProvenance,
    Landmark,
    LogRange,
    MeasuredPainting,
    MetricDepth,
    MetricHead,
    Note,
    Photo,
    RelativeDepth,
)
from mfh.types.observations import Gathered


def made_up_result() -> MetricDepth:
    """A small made-up result: one person used, one rejected, a quarter of the pixels without depth."""

    height, width = 48, 64
    rgb = np.random.default_rng(0).random((height, width, 3)).astype(np.float32)
    disparity = np.linspace(0.2, 1.8, height * width, dtype=np.float32).reshape(height, width)
    disparity[: height // 2, : width // 2] = -1.0
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
        figure=Figure(
            np.arange(60).reshape(10, 6) % 7 > 1,
            np.array([[0, 0, 2.5], [0.5, 0, 2.5], [0, 1.7, 2.5], [0, 0, 2.7]], np.float32),
            np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32),
        ),
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
        figure=Figure(np.ones((8, 8), bool), np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)),
    )
    photo = Photo(
        pixels=rgb,
        camera=Camera(fx=55.0, fy=55.0, cx=31.5, cy=23.5, width=width, height=height),
        focal=FocalProvenance(source="default-fov", detail="unknown: 60° assumed", relative_sigma=0.25),
        name="photo.jpg",
        notes=("an odd photo",),
    )
    return MetricDepth(
        photo=photo,
        relative=RelativeDepth(values=disparity, space="disparity"),
        head=MetricHead(scale=0.5, shift=0.1, space="disparity", loss=float("nan"), shift_determined=False),
        max_depth_m=200.0,
        landmarks=(used, rejected),
        preset="pocket",
        models={"relative_depth": "pocket", "person_segmenter": "blazepose"},
        seed=7,
        attempts=0,
        ended_by="",
        paintings=0,
        seconds={"relative depth": 0.25, "total": 1.25},
        notes=(Note("scale", "the shift is regularized"),),
    )


def made_up_gathered(result: MetricDepth) -> Gathered:
    """What models may have said about the made-up photo: one person in it of two measured, and three painted ones."""

    rng = np.random.default_rng(1)
    used, rejected = result.landmarks
    height, width = result.shape
    camera, focal = choose_camera(None, ExifFacts(), width=width, height=height)
    down, across = np.mgrid[0:1:48j, 0:1:64j]
    rgb = np.stack([down, across, 0.2 + 0 * down], -1).astype(np.float32)
    photo = Photo(rgb, camera, focal, "photo.jpg", ("an odd photo",))
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
    disparity = np.linspace(0.2, 1.8, height * width, dtype=np.float32).reshape(height, width)
    return Gathered(
        photo=photo,
        relative=RelativeDepth(disparity, "disparity", LogRange(((0.8, 1.1, 0.4), (0.2, 3.0, 0.7)))),
        evidence=(seen, *painted),
        preset="pocket",
        models={"relative_depth": "pocket", "painter": "sprite"},
        seed=7,
        attempts=3,
        ended_by="3 paintings with people collected",
        shared_log_sigma=0.1,
        shape_log_sigma=0.15,
        provenance="the painter learned it somewhere",
        max_depth_m=200.0,
        seconds={"relative depth": 0.25},
    )


def made_up_painting(result: MetricDepth) -> MeasuredPainting:
    """A made-up painting in which nobody was found."""

    rgb = result.photo.rgb
    return MeasuredPainting(0, rgb, np.ones(rgb.shape[:2], bool), (), ())


def with_depth(result: MetricDepth, depth_m: np.ndarray, **changes) -> MetricDepth:
    """The result with this depth, of the photo's size or smaller; NaN where there is none.

    Its relative depth is metric already, under a head that leaves it.
    """
    head = replace(result.head, scale=1.0, shift=0.0, space="depth")
    photo = changes.get("photo", result.photo)
    relative = RelativeDepth(depth_m.astype(np.float32), "depth", photo_shape=photo.pixels.shape[:2])
    return replace(result, relative=relative, head=head, max_depth_m=np.inf, **changes)
