import numpy as np
import pytest

from mfh.io.photo import load_photo
from mfh.models.human_mesh import hmar
from mfh.models.human_mesh.hmar import crop_mask, crop_tensor
from mfh.models.human_mesh.hmar_network import person_grid
from mfh.models.human_mesh.person_crop import PersonCrop, camera_translation, crop_of_box
from mfh.types import Camera

_MEAN = np.array([0.485, 0.456, 0.406])[:, None, None]
_DEVIATION = np.array([0.229, 0.224, 0.225])[:, None, None]


def _crop(box) -> PersonCrop:
    crop = crop_of_box(np.array(box, float), aspect=(1, 1))
    assert crop is not None
    return crop


def test_crops_agree_with_the_published_code(shared_data):
    import torch

    photo = load_photo(shared_data / "rgbd" / "pcl_five_people" / "rgb.png")
    expected = np.load(shared_data / "hmar_parity" / "crops.npz")
    masks = np.unpackbits(expected["person_masks"], axis=-1)[..., : photo.rgb.shape[1]].astype(bool)
    for k, (box, mask) in enumerate(zip(expected["boxes"], masks, strict=True)):
        crop = _crop(box.tolist())
        np.testing.assert_allclose(crop.centre_px, expected["center"][k], atol=1e-4)
        assert crop.size_px == pytest.approx(float(expected["size"][k]), abs=1e-3)
        np.testing.assert_allclose(crop_tensor(photo.rgb, crop), expected["crops"][k].astype(np.float32), atol=0.01)
        cropped = crop_mask(mask, crop)
        np.testing.assert_allclose(cropped.astype(int), expected["crop_masks"][k].astype(int), atol=1)
        np.testing.assert_array_equal(person_grid(torch.from_numpy(cropped)[None])[0].numpy(), expected["grids"][k])


def test_translations_agree_with_the_published_code(shared_data):
    expected = np.load(shared_data / "hmar_parity" / "crops.npz")
    width, height = (int(side) for side in expected["t_image_px"])
    focal_px = float(expected["t_focal_px"])
    camera = Camera(focal_px, focal_px, width / 2, height / 2, width, height)
    for cam, centre, size, place in zip(
        expected["t_cam"], expected["t_centre_px"], expected["t_size_px"], expected["t_translation"], strict=True
    ):
        found = camera_translation(cam, PersonCrop(centre, float(size)), camera)
        np.testing.assert_allclose(found, place, atol=1e-4)


@pytest.mark.parametrize(
    ("box", "centre", "size"),
    [([100, 50, 175, 450], (137.5, 250.0), 400.0), ([10, 20, 310, 120], (160.0, 70.0), 300.0)],
)
def test_the_square_has_the_longer_side_of_the_box(box, centre, size):
    crop = _crop(box)
    assert tuple(crop.centre_px) == centre and crop.size_px == size


def test_grey_levels_are_whole_and_outside_is_black():
    rgb = np.full((100, 100, 3), 0.5, np.float32)
    picture = crop_tensor(rgb, PersonCrop(np.array([99.5, 50.0]), 80.0)) * _DEVIATION + _MEAN
    np.testing.assert_allclose(picture[:, 128, 40], 128 / 255, atol=1e-6)
    np.testing.assert_allclose(picture[:, 128, 220], 0, atol=1e-6)


def test_a_large_crop_is_not_blurred():
    # Stripes of four pixels, of which every fourth is read: blurred, they would be grey.
    rgb = np.zeros((1024, 1024, 3), np.float32)
    rgb[:, ::4] = 1.0
    picture = crop_tensor(rgb, PersonCrop(np.array([512.0, 512.0]), 1024.0)) * _DEVIATION + _MEAN
    np.testing.assert_allclose(picture, 1.0, atol=1e-6)


def test_the_channels_are_in_the_order_of_one_constant(monkeypatch):
    rgb = np.full((50, 50, 3), (0.8, 0.4, 0.2), np.float32)
    crop = PersonCrop(np.array([25.0, 25.0]), 40.0)
    seen = (crop_tensor(rgb, crop) * _DEVIATION + _MEAN)[:, 128, 128]
    np.testing.assert_allclose(seen, (0.8, 0.4, 0.2), atol=1e-6)
    monkeypatch.setattr(hmar, "CHANNEL_ORDER", (2, 1, 0))
    turned = (crop_tensor(rgb, crop) * _DEVIATION + _MEAN)[:, 128, 128]
    # The means stay in their places, as in the older published code.
    np.testing.assert_allclose(turned, (0.2, 0.4, 0.8), atol=1e-6)


def test_a_mask_is_cropped_as_its_photo():
    mask = np.zeros((200, 300), bool)
    mask[60:140, 100:180] = True
    crop = PersonCrop(np.array([139.5, 99.5]), 160.0)
    cropped = crop_mask(mask, crop)
    assert cropped.dtype == np.uint8 and cropped.max() == 255
    rgb = np.repeat(mask[..., None], 3, 2).astype(np.float32)
    np.testing.assert_allclose((crop_tensor(rgb, crop) * _DEVIATION + _MEAN)[0] * 255, cropped, atol=1e-3)
    assert crop_mask(mask, PersonCrop(np.array([20.0, 20.0]), 30.0)).max() == 0
