"""Photos with true depth: those of ../shared/data where it is there; without it, the rendered room in the package.

The others are real, but not ours to give away. Tests that need to know who is in a photo ask ``PEOPLE``, those that
need rooms of any kind ``rooms``, and those that need nobody ``empty_room``.
"""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mfh.types import Camera

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared" / "data"
EXAMPLE = REPOSITORY / "src" / "mfh" / "examples" / "room"
FIRST_PERSON_ID = 100
"""In the example's ids: furniture and walls come before it."""


@dataclass(frozen=True)
class TruePhoto:
    """A photo whose every depth is known, or measured by a sensor."""

    name: str
    rgb_path: Path
    intrinsics_path: Path
    depth_path: Path
    hips_px: tuple[float, ...] = ()
    """Columns of the hips of everybody who can be seen well, from left to right."""

    def __str__(self) -> str:
        return self.name

    @cached_property
    def rgb(self) -> np.ndarray:
        return np.asarray(Image.open(self.rgb_path).convert("RGB"), np.float32) / 255

    @cached_property
    def camera(self) -> Camera:
        k = json.loads(self.intrinsics_path.read_text(encoding="utf-8"))
        height, width = self.rgb.shape[:2]
        return Camera(float(k["fx"]), float(k["fy"]), float(k["cx"]), float(k["cy"]), width, height)

    @cached_property
    def depth_m(self) -> np.ndarray:
        """True depth; 0 where there is none."""
        stored = np.load(self.depth_path)
        return (stored if isinstance(stored, np.ndarray) else stored["depth_m"]).squeeze()

    @cached_property
    def people_mask(self) -> np.ndarray:
        """Where people are known to be, hidden ones too; empty for photos that nobody marked people in."""
        if self.depth_path.suffix != ".npz":
            return np.zeros(self.rgb.shape[:2], bool)
        return np.load(self.depth_path)["ids"] >= FIRST_PERSON_ID


def _shared(name: str, *hips_px: float) -> TruePhoto:
    folder = SHARED / "rgbd" / name
    return TruePhoto(name, folder / "rgb.png", folder / "intrinsics.json", folder / "depth.npy", hips_px)


# The third person in it stands behind a lamp.
ROOM = TruePhoto("example", EXAMPLE / "rgb.png", EXAMPLE / "camera.json", EXAMPLE / "depth.npz", (224.0, 517.0))
PEOPLE = _shared("pcl_five_people", 80, 195, 335, 415, 540) if SHARED.is_dir() else ROOM
"""People standing in a room, the nearest of them whole."""


def rooms(*names: str) -> list[TruePhoto]:
    """Return some shared photos of rooms, or the example where there are none."""
    return [_shared(name) for name in names] if SHARED.is_dir() else [ROOM]


def as_folder(folder: Path) -> Path:
    """Return a folder of photos as datasets are stored: the shared one, or a new one of the example alone."""
    if SHARED.is_dir():
        return SHARED / "rgbd"
    _store(folder / ROOM.name, ROOM.rgb, ROOM.depth_m)
    return folder


def empty_room(name: str, folder: Path) -> TruePhoto:
    """Return a shared photo of a room with nobody in it, or the example, its people smeared over and of no depth."""
    if SHARED.is_dir():
        return _shared(name)
    rgb = without(ROOM.rgb, ROOM.people_mask)
    return _store(folder, rgb, np.where(ROOM.people_mask, 0, ROOM.depth_m))


def without(rgb: np.ndarray, people_mask: np.ndarray) -> np.ndarray:
    """Smear the surroundings of people over them."""
    covered = cv2.dilate(people_mask.astype(np.uint8), np.ones((15, 15), np.uint8))
    smeared = cv2.inpaint(np.rint(rgb * 255).astype(np.uint8), covered, 5, cv2.INPAINT_TELEA).astype(np.float32) / 255
    return np.where(covered[..., None] > 0, smeared, rgb)


def _store(folder: Path, rgb: np.ndarray, depth_m: np.ndarray) -> TruePhoto:
    folder.mkdir(parents=True)
    stored = TruePhoto(folder.name, folder / "rgb.png", folder / "intrinsics.json", folder / "depth.npy")
    Image.fromarray(np.rint(rgb * 255).astype(np.uint8)).save(stored.rgb_path)
    np.save(stored.depth_path, depth_m)
    shutil.copy(ROOM.intrinsics_path, stored.intrinsics_path)
    return stored
