"""Set up before any test imports the package: one thread, shape checks on, hypothesis without a clock."""

import os
from pathlib import Path

# Two threads are erratic on small machines, and the libraries read this when they are first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MFH_OFFLINE", "1")

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Every jaxtyping annotation is checked at run time under pytest, and costs nothing in use. The pocket world is left
# out: numba compiles its kernels and cannot see through the checks.
install_import_hook(["mfh", "mfh_lab.evaluation", "mfh_lab.paper", "mfh_lab.cli"], "beartype.beartype")

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

    from mfh.types import Camera, FocalProvenance, Landmark, MetricDepth, MetricHead, Note, Photo, RelativeDepth

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


@pytest.fixture
def gathered(metric_depth):
    """What models may have said about the made-up photo: one person in it of two measured, and three painted ones."""
    import math
    from dataclasses import replace

    import numpy as np

    from mfh.io.exif import ExifFacts
    from mfh.io.focal import choose_camera
    from mfh.types import Evidence, Landmark, LogRange, Photo, RelativeDepth
    from mfh.types.observations import Gathered

    rng = np.random.default_rng(1)
    used, rejected = metric_depth.landmarks
    height, width = metric_depth.shape
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


@pytest.fixture
def painting(metric_depth):
    """A made-up painting in which nobody was found."""
    import numpy as np

    from mfh.types import MeasuredPainting

    rgb = metric_depth.photo.rgb
    return MeasuredPainting(0, rgb, np.ones(rgb.shape[:2], bool), (), ())


class FloorWorld:
    """Stand-ins for all models in a world of a floor and a wall, seen with a focal length of 150 pixels.

    The painter's figures, and the bodies of the people who may stand in it, have sizes in pixels alone: how far away
    they are depends on the focal length one believes in.
    """

    focal_px, floor_m, wall_m, size = 150.0, 1.5, 8.0, (160, 120)

    def __init__(self, people_at_m=()):
        import numpy as np

        width, height = self.size
        down = np.arange(height) - (height - 1) / 2
        column = np.where(down > 0, self.focal_px * self.floor_m / np.maximum(down, 1e-9), np.inf)
        self.people = [self._rectangle(20 + 40 * k, z) for k, z in enumerate(people_at_m)]
        self.depth_m = np.repeat(np.minimum(column, self.wall_m)[:, None], width, axis=1)
        for (mask, _), z in zip(self.people, people_at_m, strict=True):
            self.depth_m[mask] = z
        self.rgb = np.repeat((self.depth_m / 20)[..., None], 3, axis=2).astype(np.float32)

    def photo(self, focal_px=focal_px):
        from mfh.geometry.camera import camera_from_focal_px
        from mfh.types import FocalProvenance, Photo

        camera = camera_from_focal_px(focal_px, width=self.size[0], height=self.size[1])
        return Photo(self.rgb, camera, FocalProvenance("explicit", f"given: {focal_px:g} px", 0.0), "floor.png")

    def _rectangle(self, x, z):
        """The pixels of somebody 1.7 m tall who stands at column x, z metres away; and pixels per metre there."""
        import numpy as np

        px_per_m = self.focal_px / z
        foot = (self.size[1] - 1) / 2 + self.floor_m * px_per_m
        mask = np.zeros(self.size[::-1], bool)
        mask[
            max(0, round(foot - 1.7 * px_per_m)) : round(foot),
            max(0, round(x - 0.25 * px_per_m)) : round(x + 0.25 * px_per_m),
        ] = True
        return mask, (float(x), foot, px_per_m)

    def models(self):
        """One object for every role."""
        import numpy as np

        from mfh.types import HumanMesh, PaintedPhoto, PastedSprite, Person, RelativeDepth

        world = self

        class Everything:
            name, provenance = "floor", "the floor knows"
            shape_log_sigma, shared_log_sigma, min_score = 0.02, 0.02, 0.0

            def predict(self, photos):
                return [RelativeDepth((3 / (20 * rgb[..., 0]) - 1).astype(np.float32), "disparity") for rgb in photos]

            def segment(self, photos, regions=None):
                def box(mask):
                    rows, columns = np.nonzero(mask)
                    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)

                return [[Person(box(mask), mask, score=0.9) for mask, _ in world.people] for _ in photos]

            def measure(self, photo, people, camera):
                corners = np.array([[x, y, z] for x in (-0.25, 0.25) for y in (-1.7, 0) for z in (-0.1, 0.1)])
                faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]]
                faces += [[0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
                meshes = []
                # Nobody is measured exactly.
                for k, (_, (x, foot, px_per_m)) in enumerate(world.people):
                    z = camera.fy / px_per_m * (1.03, 0.97, 1.02)[k]
                    feet = np.array([(x - camera.cx) * z / camera.fx, (foot - camera.cy) * z / camera.fy, z])
                    meshes.append(HumanMesh(corners + feet, np.array(faces), "floor", stature_m=1.7))
                return meshes

            def paint(self, photo, paint_masks, prompts, seeds):
                return [self._one(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]

            def _one(self, photo, paint_mask, prompt, seed):
                rng = np.random.default_rng(seed)
                z = rng.uniform(2.6, 6.5)
                shown, foot_and_size = world._rectangle(rng.choice(np.flatnonzero(paint_mask.any(0))), z)
                shown &= paint_mask
                rgb = np.where(shown[..., None], np.float32(z / 20), photo).astype(np.float32)
                x, y, px_per_m = foot_and_size
                figure = PastedSprite(shown, (x, y), px_per_m * rng.normal(1, 0.02), 1.7, log_size_sigma=0.05)
                return PaintedPhoto(rgb, shown, prompt, seed, figure)

        one = Everything()
        return {role: one for role in ("relative_depth", "person_segmenter", "human_mesh", "painter")}


@pytest.fixture
def floor_world():
    """Make a world of a floor and a wall, with people at some distances."""
    return FloorWorld
