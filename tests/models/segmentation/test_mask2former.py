"""Mask2Former and MaskFormer: small random copies by save_pretrained, read by the code that reads the hub's."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers

from mfh.errors import InputError, WeightsError
from mfh.models.protocols import PersonSegmenter
from mfh.models.segmentation.mask2former import Mask2Former, person_class
from tests.models.segmentation.tiny_models import STYLES, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_models(tmp_path_factory) -> dict[tuple[str, str], str]:
    return {
        (kind, style): write(tmp_path_factory.mktemp(f"{kind}-{style}"), kind, style)
        for kind in ("mask2former", "maskformer")
        for style in STYLES
    }


_KINDS = [(kind, style) for kind in ("mask2former", "maskformer") for style in STYLES]


@pytest.mark.parametrize("which", _KINDS)
def test_the_contract_with_random_weights(small_models, which, street):
    model = Mask2Former(small_models[which], min_score=0.0, device="cpu")
    assert isinstance(model, PersonSegmenter) and model.name == "mask2former"
    photos = [street, street[:, 20:90].copy()]
    together = model.segment(photos)
    alone = [model.segment([photo])[0] for photo in photos]
    assert sum(len(people) for people in together) > 0
    for photo, people, again in zip(photos, together, alone, strict=True):
        assert [person.score for person in people] == sorted((p.score for p in people), reverse=True)
        assert len(people) == len(again)
        for person, same in zip(people, again, strict=True):
            assert person.instance_mask.shape == photo.shape[:2] and person.instance_mask.any()
            assert 0 <= person.score <= 1
            np.testing.assert_array_equal(person.instance_mask, same.instance_mask)
    region = np.zeros(street.shape[:2], bool)
    region[10:110, 20:70] = True
    there, nowhere = model.segment([street, street], [region, np.zeros_like(region)])
    assert nowhere == []
    for person in there:
        assert (person.instance_mask & region).sum() >= 0.5 * person.instance_mask.sum()


@pytest.fixture
def sees_colours(monkeypatch):
    """Models that see perfectly: red is a person, blue a less certain one, and green a cat."""
    seen = []

    def look(self, pixel_values, **_others):
        mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        rgb = pixel_values * deviation + mean
        seen.append(rgb)
        small = torch.nn.functional.interpolate(rgb, scale_factor=0.5, mode="area")[0]
        other = small.sum(0)
        masks = torch.stack([20 * (2 * colour - 0.6 * other) - 6 for colour in small])
        # Classes: cat, person, dog, and nothing.
        chances = torch.tensor([[0.02, 0.95, 0.02, 0.01], [0.9, 0.05, 0.04, 0.01], [0.1, 0.8, 0.05, 0.05]])
        return SimpleNamespace(class_queries_logits=chances.log()[None], masks_queries_logits=masks[None])

    monkeypatch.setattr(transformers.Mask2FormerForUniversalSegmentation, "forward", look)
    monkeypatch.setattr(transformers.MaskFormerForInstanceSegmentation, "forward", look)
    return seen


@pytest.mark.parametrize("which", _KINDS)
def test_people_are_where_the_network_sees_them(small_models, which, street, sees_colours):
    street[5:30, 120:150] = (0.1, 0.9, 0.1)  # a cat
    model = Mask2Former(small_models[which], device="cpu")
    (people,) = model.segment([street])
    assert len(people) == 2
    for person, rows, columns, chance in (
        (people[0], (20, 99), (30, 59), 0.95),
        (people[1], (50, 109), (100, 119), 0.8),
    ):
        np.testing.assert_allclose(person.box_xyxy, [columns[0], rows[0], columns[1], rows[1]], atol=2.5)
        truth = np.zeros((120, 160), bool)
        truth[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
        shared = (person.instance_mask & truth).sum() / (person.instance_mask | truth).sum()
        assert shared > 0.85
        middle = [at.mean() for at in np.nonzero(person.instance_mask)]
        np.testing.assert_allclose(middle, [sum(rows) / 2, sum(columns) / 2], atol=0.3)
        # The query's chance times how sure the mask is of its own pixels.
        assert 0.8 * chance < person.score < chance
    blue = np.zeros((120, 160), bool)
    blue[45:115, 95:125] = True
    ((only,),) = model.segment([street], [blue])
    np.testing.assert_allclose(only.box_xyxy, [100, 50, 119, 109], atol=2.5)
    between = (people[0].score + people[1].score) / 2
    (strict,) = Mask2Former(small_models[which], min_score=between, device="cpu").segment([street])
    assert [person.score for person in strict] == [people[0].score]


@pytest.mark.parametrize("which", _KINDS)
def test_red_is_red_where_the_network_sees_it(small_models, which, street, sees_colours):
    Mask2Former(small_models[which], device="cpu").segment([street])
    (rgb,) = sees_colours
    # The whole photo in 128 x 128 pixels, or in the first 108 x 144 of 128 x 160.
    assert rgb.shape[-2:] == ((128, 128) if which[1] == "squeezed" else (128, 160))
    row, column = (64, 36) if which[1] == "squeezed" else (54, 40)
    np.testing.assert_allclose(rgb[0, :, row, column].numpy(), (0.9, 0.1, 0.1), atol=0.01)


def test_a_model_that_is_not_here_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    with pytest.raises(WeightsError, match="mfh weights fetch mask2former") as caught:
        Mask2Former(device="cpu")
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="mfh weights fetch hf:some/model"):
        Mask2Former("hf:some/model", device="cpu")
    with pytest.raises(InputError, match="has no config.json: expected a folder that save_pretrained made"):
        Mask2Former(str(tmp_path), device="cpu")


def test_a_depth_model_is_no_segmentation_model(tmp_path):
    config = transformers.DPTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    config.save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="is no segmentation model that can be loaded") as caught:
        Mask2Former(str(tmp_path), device="cpu")
    assert "\n" not in str(caught.value)


def test_a_model_without_people_says_so(tmp_path):
    source = write(tmp_path, labels={0: "wall", 1: "floor", 2: "sky"})
    with pytest.raises(WeightsError, match=r"has no class 'person' \(it has wall, floor, sky, \.\.\.\): choose"):
        Mask2Former(source, device="cpu")


def test_the_class_of_people_is_the_models_own():
    assert person_class({0: "person", 1: "cat"}, label="a") == 0
    assert person_class({3: "dog", 7: "Person"}, label="a") == 7
