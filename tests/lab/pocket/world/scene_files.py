"""Scenes on disk, read without the package: the files are plain."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def read_scene(folder: Path) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Return scene.json, RGB and depth of one scene."""
    rgb = cv2.cvtColor(cv2.imread(str(folder / "rgb.png")), cv2.COLOR_BGR2RGB)
    return json.loads((folder / "scene.json").read_text()), rgb, np.load(folder / "depth.npz")["depth_m"]
