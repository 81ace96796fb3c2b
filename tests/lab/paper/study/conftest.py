"""A small study: three photos of two shapes, and the metres of three methods with telling names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LABELS = ("OurMethod", "Rival-K", "Zoë <b>&")


@dataclass(frozen=True)
class Material:
    photos: Path
    folders: dict[str, Path]

    @property
    def words(self) -> list[str]:
        return [word for label, folder in self.folders.items() for word in ("--predictions", f"{label}={folder}")]


@pytest.fixture
def material(tmp_path) -> Material:
    rng = np.random.default_rng(0)
    photos = tmp_path / "photos"
    (photos / "street").mkdir(parents=True)
    sizes = {"secretkitchen": (48, 64), "secrethall": (64, 48), "street/secretroad": (36, 80)}
    depths = {"secretkitchen": 6.0, "secrethall": 25.0, "street/secretroad": 70.0}
    folders = {}
    for name, (height, width) in sizes.items():
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(photos / f"{name}.png")
    for number, label in enumerate(LABELS):
        folder = folders[label] = tmp_path / f"run{number}"
        for name, (height, width) in sizes.items():
            # A method may answer at another size than the photo's.
            scale = (1, 2, 0.5)[number]
            depth_m = np.linspace(1, depths[name], int(height * scale))[:, None] * np.ones((1, int(width * scale)))
            path = folder / "predictions" / f"{name}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, depth_m=(depth_m * (1 + 0.05 * number)).astype(np.float32))
    return Material(photos, folders)
