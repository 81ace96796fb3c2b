import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mfh.geometry.camera import project
from mfh.io.photo import load_photo
from mfh.models.human_mesh.hmr2 import ASPECT, crop_tensor
from mfh.models.human_mesh.person_crop import PersonCrop, camera_translation, crop_of_box
from mfh.types import Camera
from tests.models.human_mesh.placed_bodies import explaining_cam

_MEAN = np.array([0.485, 0.456, 0.406])[:, None, None]
_DEVIATION = np.array([0.229, 0.224, 0.225])[:, None, None]


def _crop(box: list[float]) -> PersonCrop:
    crop = crop_of_box(np.array(box, float), aspect=ASPECT)
    assert crop is not None
    return crop


def _denormalised(tensor: np.ndarray) -> np.ndarray:
    return tensor * _DEVIATION + _MEAN


def test_crops_agree_with_the_published_code(shared_data):
    photo = load_photo(shared_data / "rgbd" / "pcl_five_people" / "rgb.png")
    expected = np.load(shared_data / "hmr2_parity" / "crops.npz")
    for box, tensor, centre, size in zip(
        expected["boxes"], expected["crops"], expected["center"], expected["size"], strict=True
    ):
        crop = _crop(box.tolist())
        np.testing.assert_allclose(crop.centre_px, centre, atol=1e-4)
        assert crop.size_px == pytest.approx(float(size), abs=1e-3)
        # The published crops are rounded to grey levels, which is up to 0.009 in normalised units.
        np.testing.assert_allclose(crop_tensor(photo.rgb, crop), tensor.astype(np.float32), atol=0.01)


@pytest.mark.parametrize(
    ("box", "centre", "size"),
    [
        ([100, 50, 175, 450], (137.5, 250.0), 400.0),  # tall: its height
        ([0, 0, 150, 200], (75.0, 100.0), 200.0),  # exactly 192:256
        ([10, 20, 310, 120], (160.0, 70.0), 400.0),  # wide: 300 * 256 / 192
    ],
)
def test_a_box_is_grown_to_the_aspect(box, centre, size):
    crop = _crop(box)
    assert tuple(crop.centre_px) == centre and crop.size_px == pytest.approx(size)


@pytest.mark.parametrize("box", [[5, 5, 5, 5], [5, 5, 5.4, 5.2], [9, 9, 3, 3], [0, 0, np.nan, 9], [0, 0, np.inf, 9]])
def test_a_box_without_extent_shows_nobody(box):
    assert crop_of_box(np.array(box, float), aspect=ASPECT) is None


def test_the_middle_of_the_crop_shows_the_box_centre():
    crop = _crop([100, 50, 200, 562])
    to_crop = crop.crop_from_photo()
    np.testing.assert_allclose(to_crop @ [150, 306, 1], [128, 128])
    # Twice as large as 256: one pixel right in the photo is half a pixel in the crop.
    np.testing.assert_allclose(to_crop @ [151, 304, 1], [128.5, 127])


@pytest.mark.slow
@given(x=st.floats(150, 250), y=st.floats(100, 200), size=st.floats(90, 700))
def test_a_spot_lands_where_the_map_says(x, y, size):
    """The centroid of a smooth spot keeps to the affine map to a twentieth of a pixel, blurred or not."""
    rows, columns = np.mgrid[:300, :400]
    spread = 3.0 + size / 256
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2)).astype(np.float32)
    crop = PersonCrop(np.array([200.3, 150.7]), size)
    picture = _denormalised(crop_tensor(np.repeat(spot[..., None], 3, 2), crop))[0]
    expected = crop.crop_from_photo() @ [x, y, 1]
    in_crop = 5 * spread * 256 / size
    assume((expected - in_crop).min() > 0 and (expected + in_crop).max() < 255)
    rows, columns = np.mgrid[:256, :256]
    centroid = [(picture * columns).sum() / picture.sum(), (picture * rows).sum() / picture.sum()]
    np.testing.assert_allclose(centroid, expected, atol=0.05)


def test_red_stays_red_and_outside_the_photo_is_black():
    red = np.zeros((100, 100, 3), np.float32)
    red[..., 0] = 0.8
    picture = _denormalised(crop_tensor(red, PersonCrop(np.array([99.5, 50.0]), 80.0)))
    inside, outside = picture[:, 128, 40], picture[:, 128, 220]
    np.testing.assert_allclose(inside, [0.8, 0, 0], atol=1e-5)
    np.testing.assert_allclose(outside, 0, atol=1e-5)


def test_a_blurred_part_is_the_blurred_whole():
    """Only what a crop reaches is blurred; the result is that of blurring the whole photo."""
    import cv2

    rng = np.random.default_rng(0)
    rgb = rng.random((900, 1200, 3)).astype(np.float32)
    crop = PersonCrop(np.array([700.2, 400.9]), 760.0)
    sigma = (760 / 512 - 1) / 2
    reach = int(4 * sigma + 0.5)
    whole = cv2.GaussianBlur(rgb.astype(np.float64), (2 * reach + 1,) * 2, sigma, borderType=cv2.BORDER_REPLICATE)
    ratio = 256 / 760
    matrix = np.array([[ratio, 0, 128 - ratio * 700.2], [0, ratio, 128 - ratio * 400.9]])
    expected = cv2.warpAffine(whole, matrix, (256, 256), flags=cv2.INTER_LINEAR).transpose(2, 0, 1)
    np.testing.assert_allclose(_denormalised(crop_tensor(rgb, crop)), expected, atol=1e-6)


def test_translation_by_hand():
    # b = 200, s = 0.5: bs = 100; f = 500: tz = 10; centre 60 right of and 40 above the principal point.
    crop = PersonCrop(np.array([310.0, 210.0]), 200.0)
    camera = Camera(500.0, 500.0, 250.0, 250.0, 640, 480)
    T = camera_translation(np.array([0.5, 0.1, -0.2]), crop, camera)
    np.testing.assert_allclose(T, [60 / 50 + 0.1, -40 / 50 - 0.2, 10.0], rtol=1e-9)


def test_pixels_that_are_not_square():
    crop = PersonCrop(np.array([310.0, 210.0]), 200.0)
    T = camera_translation(np.array([0.5, 0.0, 0.0]), crop, Camera(1000.0, 250.0, 250.0, 250.0, 640, 480))
    np.testing.assert_allclose(T, [60 * 10 / 1000, -40 * 10 / 250, 10.0], rtol=1e-9)


@pytest.mark.parametrize("scale", [0.0, -0.3, np.nan, np.inf])
def test_nobody_stands_behind_the_camera(scale):
    crop = PersonCrop(np.array([310.0, 210.0]), 200.0)
    camera = Camera(500.0, 500.0, 250.0, 250.0, 640, 480)
    assert camera_translation(np.array([scale, 0.1, 0.1]), crop, camera) is None


@pytest.mark.slow
@given(
    x=st.floats(-2, 2),
    y=st.floats(-1, 1),
    z=st.floats(2, 20),
    cx=st.floats(-100, 900),
    cy=st.floats(-100, 700),
    grow=st.floats(0, 40),
)
def test_a_person_comes_back_where_they_stand(x, y, z, cx, cy, grow):
    """A flat body, projected and boxed; the camera that explains its picture in the crop gives its place back."""
    camera = Camera(600.0, 600.0, cx, cy, 800, 600)
    body = np.random.default_rng(0).uniform([-0.4, -0.9, 0], [0.4, 0.9, 0], (40, 3))
    place = np.array([x, y, z])
    pixels = project(camera, body + place)
    low, high = pixels.min(0) - [grow, 0], pixels.max(0) + [0, grow]
    cam = explaining_cam(body, pixels, np.array([*low, *high]), aspect=ASPECT)
    T = camera_translation(np.array(cam), _crop([*low, *high]), camera)
    np.testing.assert_allclose(T, place, atol=1e-3)
