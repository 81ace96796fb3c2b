"""Clips: videos, frames as pictures, and relative depth of all of them."""

from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.case import Step
from tests.fuzz.corpus.photos import example
from tests.fuzz.corpus.reader import Plan, Reader, Run, maybe_json
from tests.video.films import film

FRAMES = 4
CLIPS = {
    "walk.mkv": (),
    "walk.mp4": (),
    "turned.mov": (),
    "walk": (),
    "still.mkv": ("--static-camera",),
    "clip.npy": ("--relative-depth", "clip.npy", "--space", "depth"),
    "clip.npz": ("--relative-depth", "clip.npz", "--space", "disparity"),
}
"""What is damaged -> what is said of it."""


def frames(*, moving: bool = True) -> list[np.ndarray]:
    """Return the packaged example, seen by a camera that moves a little to the side, or stands."""
    whole = np.asarray(example(112))
    return [np.ascontiguousarray(whole[:64, 2 * k * moving : 2 * k * moving + 96]) for k in range(FRAMES)]


def build_clip(work: Path) -> None:
    """Write the clips and depth of them.

    Args:
        work: folder.
    """
    about = {"com.apple.quicktime.camera.focal_length.35mm_equivalent": "26"}
    film(work / "walk.mkv", frames())
    film(work / "walk.mp4", frames(), metadata=about)
    film(work / "turned.mov", frames(), turned=90)
    film(work / "still.mkv", frames(moving=False))
    (work / "walk").mkdir()
    for k, one in enumerate(frames()):
        Image.fromarray(one).save(work / "walk" / f"{k}.png")
    depth = np.tile(np.linspace(5, 1, 64, dtype=np.float32)[:, None], (FRAMES, 1, 96))
    np.save(work / "clip.npy", depth)
    np.savez_compressed(work / "clip.npz", depths=1 / depth)


def build(root: Path, run: Run) -> None:
    """Write all clips."""
    build_clip(root / "work")


def plan(name: str, rng: Random) -> Plan:
    """Measure one of them."""
    clip = "walk.mkv" if name.startswith("clip.") else name
    words = ("video", clip, *CLIPS[name], "--people-every", "0.2", "--out", "out", *maybe_json(rng))
    target = "work/walk/*.png" if name == "walk" else f"work/{name}"
    return Plan((Step(words),), [target], whole=frozenset({0, 3}))


READERS = (Reader("clip", build, tuple(CLIPS), plan, weight=3.0, modules=("av", "mfh.video.run"), short=False),)
