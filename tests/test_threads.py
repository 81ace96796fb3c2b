"""One pipeline in several threads gives what it gives in one, byte for byte."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mfh
from mfh import MetricFromHuman, load_photo
from mfh.config import preset
from mfh.errors import NoLandmarkError
from mfh.geometry.camera import camera_from_fov_x
from mfh.models.sessions import TfliteNetwork, _quiet_stderr
from mfh.types import Photo
from mfh.weights import store as weights

THREADS = 4


def turned(photo: Photo, k: int) -> Photo:
    """The photo cropped, mirrored and darkened: another one each."""
    pixels = photo.pixels[:: 1 - 2 * (k // 4 % 2), :, :][10 * k :, : photo.pixels.shape[1] - 7 * k]
    pixels = np.ascontiguousarray(pixels[:, ::-1] if k % 2 else pixels) // (1 + k % 3)
    camera = camera_from_fov_x(60.0, width=pixels.shape[1], height=pixels.shape[0])
    return replace(photo, pixels=pixels, camera=camera, name=f"{k}")


@pytest.fixture(scope="module")
def photos() -> list[Photo]:
    photo = load_photo(next((Path(mfh.__file__).parent / "examples" / "room").glob("rgb.*")))
    return [turned(photo, k) for k in range(6)]


def answer(pipeline: MetricFromHuman, photo: Photo) -> tuple:
    try:
        result = pipeline(photo)
    except NoLandmarkError as error:
        return (str(error),)
    assert result.log_sigma is not None
    return result.depth_m.tobytes(), result.log_sigma.tobytes(), result.head, result.landmarks, result.interval


@pytest.mark.slow
@pytest.mark.parametrize("people", ["auto", "paint"])
def test_threads_and_one_after_the_other_agree(photos, people):
    if not weights.installed("blazepose"):
        pytest.skip("BlazePose files are not here: run 'mfh weights fetch blazepose'")
    painting = replace(preset("pocket").painting, max_paintings=3, max_attempts=4)
    pipeline = MetricFromHuman.from_preset("pocket", people=people, painting=painting)
    alone = [answer(pipeline, photo) for photo in photos]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(answer, [pipeline] * len(photos), photos))
    assert sum(len(one) > 1 for one in alone) >= 3, "most have an answer"
    for one, other in zip(alone, together, strict=True):
        assert one == other


def test_a_network_serves_one_caller_at_a_time():
    """The interpreter keeps input and output in one place: whoever comes between would get another's answer."""

    class Interpreter:
        def set_tensor(self, _, tensor):
            self.tensor = tensor

        def invoke(self):
            self.answer = 2 * self.tensor
            barrier_or_nothing.wait(0.001)

        def get_tensor(self, _):
            return self.answer

    barrier_or_nothing = threading.Event()
    network = object.__new__(TfliteNetwork)
    network.__dict__ |= {"_interpreter": Interpreter(), "_input": 0, "_outputs": [0], "_running": threading.Lock()}
    inputs = [np.array([k]) for k in range(200)]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = [int(one[0][0]) for one in pool.map(network, inputs)]
    assert answers == [2 * k for k in range(200)]


@pytest.mark.skipif(os.name != "posix", reason="POSIX descriptors")
def test_standard_error_comes_back_whoever_opens_networks_meanwhile(capfd):
    def open_one(_):
        with _quiet_stderr():
            os.write(2, b"greeting\n")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(open_one, range(50)))
    print("heard", file=sys.stderr, flush=True)
    assert capfd.readouterr().err == "heard\n"


@pytest.mark.skipif(os.name != "posix", reason="POSIX descriptors")
def test_a_process_without_standard_error_opens_networks_too():
    kept = os.dup(2)
    os.close(2)
    try:
        with _quiet_stderr():
            pass
        with pytest.raises(OSError):
            os.fstat(2)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
