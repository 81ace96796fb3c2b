"""Small photos with a truth, as a dataset on disk."""

import json

import numpy as np
from PIL import Image

from tests.tiny_weights import _tiny_cache, no_network, tiny_weights

__all__ = ["_tiny_cache", "no_network", "tiny_weights", "write_folder_dataset"]


def write_folder_dataset(root, names, *, size=(48, 64)):
    """Write photos in the layout of dataset "folder"; returns their truths."""
    rng = np.random.default_rng(0)
    height, width = size
    truths = {}
    for number, name in enumerate(names):
        place = root / name
        place.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(place / "rgb.png")
        truth = np.linspace(1 + number, 8, height * width, dtype=np.float32).reshape(height, width)
        np.save(place / "depth.npy", truth)
        camera = {"fx": 60.0, "fy": 60.0, "cx": (width - 1) / 2, "cy": (height - 1) / 2}
        (place / "intrinsics.json").write_text(json.dumps(camera))
        truths[name] = truth
    return truths
