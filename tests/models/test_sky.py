"""The sky of a photo: found where it is, nowhere in a room, whatever the size of the photo."""

from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.io.photo import load_photo
from mfh.models import sky
from mfh.models.sky import sky_mask, sky_probability, without_sky
from mfh.types import LogRange, RelativeDepth


def horizon_at_half(rgb: np.ndarray) -> np.ndarray:
    """What the networks say of a photo whose upper half is sky: a soft border."""
    height, width = rgb.shape[:2]
    rows = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height * np.ones((1, width), np.float32)
    return 1 / (1 + np.exp((rows - 0.5) * 100))


def landscape(height: int = 240, width: int = 320) -> np.ndarray:
    """Pale above dark."""
    grey = np.where(np.arange(height)[:, None] < height / 2, 0.9, 0.2) * np.ones((1, width))
    return np.repeat(grey[..., None], 3, 2).astype(np.float32)


def relative_of(rgb: np.ndarray) -> RelativeDepth:
    """Nearer further down."""
    height, width = rgb.shape[:2]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    return RelativeDepth(rows, "disparity", LogRange(((1.0, 2.0, 0.5),)))


@pytest.mark.parametrize("size", [(240, 320), (480, 640), (900, 1200), (97, 131)])
def test_the_mask_has_the_size_of_the_relative_depth(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sky, "sky_probability", horizon_at_half)
    rgb = landscape(*size)
    mask = sky_mask(rgb, relative_of(rgb))
    rows = (np.arange(size[0]) + 0.5) / size[0]
    assert mask.shape == size and mask.dtype == bool
    assert mask[rows < 0.45].all() and not mask[rows > 0.55].any()


def test_a_room_has_none():
    with resources.as_file(resources.files("mfh") / "examples" / "room" / "rgb.png") as path:
        rgb = load_photo(path).rgb
    relative = relative_of(rgb)
    assert not sky_mask(rgb, relative).any()
    assert without_sky(relative, rgb) is relative


def test_relative_depth_is_not_valid_in_the_sky_and_keeps_its_values(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sky, "sky_probability", horizon_at_half)
    rgb = landscape()
    relative = relative_of(rgb)
    cut = without_sky(relative, rgb)
    assert cut.holes_are_sky and cut.valid_mask is not None
    np.testing.assert_array_equal(cut.valid_mask, ~sky_mask(rgb, relative))
    np.testing.assert_array_equal(cut.values, relative.values)
    assert cut.log_range == relative.log_range
    assert cut.sky_fraction == pytest.approx(0.5, abs=0.03) and relative.sky_fraction == 0


def test_the_border_follows_the_edges_of_the_photo(monkeypatch: pytest.MonkeyPatch):
    """A probability that is off by some pixels: the filter moves its border onto the edge."""
    grey = np.where(np.arange(100)[:, None] < 50, 0.9, 0.2) * np.ones((1, 120))
    rgb = np.repeat(grey[..., None], 3, 2).astype(np.float32)
    rows = np.arange(100, dtype=np.float32)[:, None] * np.ones((1, 120), np.float32)
    soft = (1 / (1 + np.exp((rows - 52) / 2))).astype(np.float32)
    monkeypatch.setattr(sky, "_RADIUS", 0.06)
    moved = sky._at_edges(soft, rgb) >= sky.SKY_PROBABILITY
    assert abs(moved[:, 60].sum() - 50) < abs((soft >= sky.SKY_PROBABILITY)[:, 60].sum() - 50)


def test_small_and_uncertain_pieces_are_not_sky():
    probability = np.zeros((200, 300), np.float32)
    probability[:50, :100] = 0.99
    probability[:50, 200:] = 0.95
    probability[150:155, 150:155] = 0.999
    kept = sky._pieces(probability)
    assert kept[:50, :100].all() and kept.sum() == 50 * 100
    # The naive twin: piece by piece.
    count, label = cv2.connectedComponents((probability >= sky.SKY_PROBABILITY).astype(np.uint8), connectivity=4)
    naive = np.zeros_like(kept)
    for k in range(1, count):
        piece = label == k
        if piece.mean() >= sky._LEAST_SHARE and probability[piece].max() >= sky._CERTAIN:
            naive[piece] = 1
    np.testing.assert_array_equal(kept, naive)


def test_a_photo_of_nothing_but_sky_keeps_its_depth(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sky, "sky_probability", lambda rgb: np.ones(rgb.shape[:2], np.float32))
    relative = relative_of(landscape())
    assert without_sky(relative, landscape()) is relative


def test_missing_weights_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sky, "DECODER", tmp_path / "sky.onnx")
    sky._sessions.cache_clear()
    with pytest.raises(WeightsError, match="no sky network at"):
        sky_probability(landscape())
    sky._sessions.cache_clear()


@pytest.mark.slow
def test_rooms_and_lidar_of_real_streets_are_no_sky(shared_data: Path):
    folders = sorted((shared_data / "real_val" / "nyu").iterdir())[::20]
    for folder in folders:
        rgb = load_photo(folder / "rgb.jpg").rgb
        assert sky_mask(rgb, relative_of(rgb)).mean() < 0.01, folder.name
    for name in ("kitti_object_000003", "sustech_street_front_000965", "waymo_infinidepth_mv_000020"):
        folder = shared_data / "real_val" / "others" / name
        rgb = load_photo(folder / "rgb.jpg").rgb
        mask = sky_mask(rgb, relative_of(rgb))
        depth = cv2.imread(str(folder / "depth.png"), cv2.IMREAD_UNCHANGED)
        depth = cv2.resize(depth, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
        assert mask.mean() > 0.04 and mask[depth > 0].mean() < 0.005, name


def test_far_views_have_their_sky_at_any_size_and_side(shared_data: Path):
    for name, below in (("soh0.png", 0.6), ("london_aerial.jpg", 0.5)):
        photo = load_photo(shared_data / "cases" / name).rgb
        shares = []
        for factor in (1.0, 0.5, 0.35):
            rgb = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            for one in (rgb, np.ascontiguousarray(rgb[:, ::-1])):
                mask = sky_mask(one, relative_of(one))
                assert mask[: len(mask) // 20].mean() > 0.7, name
                assert mask[int(below * len(mask)) :].mean() < 0.01, name
                shares.append(mask.mean())
        assert np.ptp(shares) < 0.05, name
