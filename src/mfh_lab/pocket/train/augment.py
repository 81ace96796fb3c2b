"""Training augmentation: give a render the colours, noise and crop of ordinary photos."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

Rng = np.random.Generator


@dataclass(frozen=True)
class TrainingSample:
    """One training picture: rgb (h, w, 3) float32 in [0, 1], depth_m (h, w) float32 (0 = sky), person (h, w) bool."""

    rgb: ndarray
    depth_m: ndarray
    person: NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """A cut of a picture: left, top, width, height in pixels, and whether it is mirrored afterwards."""

    x: int
    y: int
    width: int
    height: int
    flipped: bool

    def slice(self, image: ndarray) -> ndarray:
        """Return the cut, neither resized nor mirrored."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def cut(self, image: ndarray, size: tuple[int, int], *, nearest: bool = False) -> ndarray:
        """Return the cut, resized to (width, height) and mirrored where it is to be."""
        smooth = cv2.INTER_AREA if self.width > size[0] else cv2.INTER_LINEAR
        resized = cv2.resize(self.slice(image), size, interpolation=cv2.INTER_NEAREST if nearest else smooth)
        return resized[:, ::-1] if self.flipped else resized


def draw_window(height: int, width: int, rng: Rng) -> Window:
    """Draw a window of roughly the picture's aspect; a slight change of aspect is allowed."""
    zoom = 1.0 if rng.random() < 0.3 else rng.uniform(0.55, 1.0)
    stretch = np.exp(rng.normal(0, 0.06))
    w = int(min(width, width * zoom * min(1.0, stretch)))
    h = int(min(height, height * zoom * min(1.0, 1 / stretch)))
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    return Window(x, y, w, h, bool(rng.random() < 0.5))


def augment(sample: TrainingSample, size: tuple[int, int], rng: Rng) -> TrainingSample:
    """Crop to (width, height), flip, and change colour, light, sharpness, noise and compression at random."""
    height, width = sample.depth_m.shape
    window = draw_window(height, width, rng)
    person = window.cut(sample.person.astype(np.uint8), size, nearest=True) > 0
    return TrainingSample(
        photograph(window.cut(sample.rgb, size), rng), window.cut(sample.depth_m, size, nearest=True), person
    )


def photograph(rgb: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Colour cast, saturation, hue, contrast, gamma, vignette, blur, noise, JPEG; sometimes grey."""
    x = np.ascontiguousarray(rgb, np.float32)
    if rng.random() < 0.3:
        hsv = cv2.cvtColor(x, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(-60, 60)) % 360
        x = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    x = np.clip(x, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.35)))
    grey = x.mean(-1, keepdims=True)
    x = grey + (x - grey) * np.float32(np.exp(rng.normal(0, 0.45)))
    x = x * np.exp(rng.normal(0, 0.13, 3)).astype(np.float32) * np.float32(np.exp(rng.normal(0, 0.22)))
    x = (x - x.mean()) * np.float32(np.exp(rng.normal(0, 0.25))) + x.mean()
    if rng.random() < 0.15:
        x = np.repeat(x.mean(-1, keepdims=True), 3, axis=-1)
    if rng.random() < 0.25:
        h, w = x.shape[:2]
        v, u = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
        x = x * (1 - np.float32(rng.uniform(0, 0.5)) * (u * u + v * v)[..., None] / 2)
    if rng.random() < 0.2:
        x = _cast_shadow(x, rng)
    blur = rng.random()
    if blur < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 1.5))
    elif blur < 0.45:
        x = x + (x - cv2.GaussianBlur(x, (0, 0), 1.0)) * np.float32(rng.uniform(0.3, 1.5))
    if rng.random() < 0.55:
        x = x + rng.standard_normal(x.shape, np.float32) * np.float32(rng.uniform(0, 0.07))
    x = np.clip(x, 0, 1)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))]
        _, buffer = cv2.imencode(".jpg", (x[..., ::-1] * 255).astype(np.uint8), quality)
        x = np.asarray(cv2.imdecode(buffer, cv2.IMREAD_COLOR))[..., ::-1].astype(np.float32) / 255
    return np.ascontiguousarray(x, np.float32)


def _cast_shadow(x: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Darken or brighten a random half-plane with a soft edge: light that is not informative about depth."""
    h, w = x.shape[:2]
    v, u = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    side = (u - rng.uniform(0.2, 0.8)) * np.cos(turn) + (v - rng.uniform(0.2, 0.8)) * np.sin(turn)
    edge = 1 / (1 + np.exp(-side / rng.uniform(0.01, 0.15)))
    return x * (1 + np.float32(rng.uniform(-0.6, 0.4)) * edge[..., None].astype(np.float32))
