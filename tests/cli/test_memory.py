"""Nothing of a photo stays in memory once its files are written."""

import gc
import shutil
import tracemalloc

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 1600, 1200


def peak_of(run_mfh, photos, out) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        run_mfh("predict", *photos, "--out", out)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["photo", "nobody"])
def test_many_photos_take_what_two_take(run_mfh, fake_pipeline, tmp_path, name):
    first = tmp_path / f"{name}0.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)).save(first)
    photos = [first, *(shutil.copy(first, tmp_path / f"{name}{k}.png") for k in range(1, 9))]
    peak_of(run_mfh, photos[:1], tmp_path / "warm")
    two = peak_of(run_mfh, photos[:2], tmp_path / "two")
    many = peak_of(run_mfh, photos, tmp_path / "many")
    photo = WIDTH * HEIGHT * 3
    assert two > photo, "a photo at least"
    assert many < two + 3 * photo, (
        "decoding ahead and writing behind overlap by chance; kept photos would be seven more"
    )
