"""The scene that the stand-ins know: depth is in the red of its colours, green and blue are always the same."""

import numpy as np

from mfh.types import Camera, FocalProvenance, Photo

HEIGHT, WIDTH = 48, 64
CAMERA = Camera(50.0, 55.0, 30.2, 25.1, WIDTH, HEIGHT)
GREEN, BLUE = 10, 200


def scene(red: np.ndarray) -> tuple[Photo, np.ndarray]:
    """Return the photo of red bytes, and its z in metres: 1 for 0, 9 for 255."""
    pixels = np.stack([red, np.full_like(red, GREEN), np.full_like(red, BLUE)], axis=-1)
    rgb = (pixels / 255).astype(np.float32)
    depth_m = (1 + 8 * (red / 255)).astype(np.float32)
    return Photo(rgb, CAMERA, FocalProvenance("explicit", "made up", 0.0), "made up"), depth_m
