"""Diffusion painters on tiny random-weight copies, loaded as from the hub, with no way to a network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import BackendError, InputError, WeightsError
from mfh.models.painters.diffusion_pipeline import (
    DiffusionOptions,
    batch_for_memory,
    mask_at_size,
    must_offload,
    painting_size,
)
from mfh.models.protocols import GuidedPainter
from mfh.models.registry import load_models

torch = pytest.importorskip("torch")
diffusers_inpainting = pytest.importorskip("mfh.models.painters.diffusers_inpainting")

pytestmark = pytest.mark.slow

NEEDS = {"sd2": ("sd2",), "sd15-lcm": ("sd15", "lcm-sd15"), "sdxl": ("sdxl",), "sdxl-lcm": ("sdxl", "lcm-sdxl")}
PHOTO = np.random.default_rng(0).random((90, 130, 3)).astype(np.float32)


def strips(count: int) -> list[np.ndarray]:
    masks = []
    for k in range(count):
        mask = np.zeros(PHOTO.shape[:2], bool)
        mask[:, 3 + 7 * k : 50 + 7 * k] = True
        masks.append(mask)
    return masks


def small(painter, **changes):
    """Let a painter paint small and in few steps, which tiny networks and a small machine can do."""
    few = {"short_side_px": 64, "long_side_px": 128, "steps": 2, **changes}
    painter.options = replace(painter.options, **few)
    return painter


def paint(painter, count: int, *, batch_size: int | None, first_seed: int = 0):
    painter._batch_size = batch_size
    prompts = ["a man", "a woman"] * count
    return painter.paint(PHOTO, strips(count), prompts[:count], list(range(first_seed, first_seed + count)))


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_paintings_depend_on_their_seed_alone_and_leave_the_photo_alone(name, tiny_weights):
    tiny_weights(*NEEDS[name])
    painter = small(load_models({"painter": name})["painter"])
    assert painter.name == name and name in painter.provenance
    eight = paint(painter, 8, batch_size=8)
    for batch_size in (1, 3):
        for one, same in zip(paint(painter, 8, batch_size=batch_size), eight, strict=True):
            # Rounding, which the guidance multiplies: batches are summed in another order.
            np.testing.assert_allclose(one.rgb, same.rgb, atol=2e-5 if name == "sdxl" else 1e-5)
    for mask, painting in zip(strips(8), eight, strict=True):
        assert painting.rgb.shape == PHOTO.shape and painting.rgb.dtype == np.float32
        np.testing.assert_array_equal(painting.rgb[~mask], PHOTO[~mask])
        np.testing.assert_array_equal(painting.paint_mask, mask)
        assert np.abs(painting.rgb[mask] - PHOTO[mask]).mean() > 0.02, "nothing was painted"
        assert 0 <= painting.rgb.min() and painting.rgb.max() <= 1
    other = paint(painter, 1, batch_size=1, first_seed=77)[0]
    assert np.abs(other.rgb - eight[0].rgb).max() > 0.01, "another seed must give another painting"


def test_prompts_and_negative_prompts_and_guidance_count(tiny_weights):
    tiny_weights("sd2")
    painter = small(load_models({"painter": "sd2"})["painter"])
    mask = strips(1)

    def painted(prompt: str, **changes) -> np.ndarray:
        painter.options = replace(painter.options, **changes)
        (one,) = painter.paint(PHOTO, mask, [prompt], [5])
        return one.rgb

    man, woman = painted("a man"), painted("a woman")
    assert np.abs(man - woman).max() > 1e-3
    assert np.abs(painted("a man", prompt_suffix=" man") - man).max() > 1e-3
    assert np.abs(painted("a man", prompt_suffix="", negative_prompt="woman") - man).max() > 1e-3
    assert np.abs(painted("a man", negative_prompt="", guidance_scale=2.0) - man).max() > 1e-3


def test_guidance_and_steps_of_a_configuration_make_another_painter_of_the_same_networks(tiny_weights):
    tiny_weights("sd2")
    painter = small(load_models({"painter": "sd2"})["painter"])
    assert isinstance(painter, GuidedPainter)
    other = painter.with_guidance(guidance_scale=1.0, steps=3)
    assert other._pipeline is painter._pipeline and other.options == replace(
        painter.options, guidance_scale=1.0, steps=3
    )
    assert other.name == "sd2 (guidance scale 1, steps 3)" and painter.name == "sd2"
    (own,) = paint(painter, 1, batch_size=1)
    (changed,) = paint(other, 1, batch_size=1)
    assert np.abs(own.rgb - changed.rgb).max() > 1e-3
    (same,) = paint(painter.with_guidance(), 1, batch_size=1)
    np.testing.assert_array_equal(same.rgb, own.rgb)


def test_a_red_person_is_red_where_the_painter_sees_it(tiny_weights, monkeypatch):
    tiny_weights("sd2")
    painter = small(load_models({"painter": "sd2"})["painter"])
    seen: list[torch.Tensor] = []
    encode = painter._pipeline.vae.encode
    monkeypatch.setattr(painter._pipeline.vae, "encode", lambda picture: seen.append(picture) or encode(picture))
    red = np.zeros((64, 64, 3), np.float32)
    red[:, :32, 0] = 1.0
    mask = np.zeros((64, 64), bool)
    mask[:, 32:] = True
    painter.paint(red, [mask], ["a man"], [0])
    # The photo in [-1, 1] with the mask blanked to 0: red, green, blue.
    np.testing.assert_allclose(seen[-1][0, :, :, :28].mean((1, 2)).numpy(), [1, -1, -1], atol=1e-5)
    np.testing.assert_allclose(seen[-1][0, :, :, 36:].numpy(), 0, atol=1e-5)


def test_a_red_painting_is_red_in_the_photo():
    picture = np.zeros((8, 8, 3), np.float32)
    picture[..., 0] = 1
    mask = np.zeros(PHOTO.shape[:2], bool)
    mask[10:20, 10:30] = True
    restored = diffusers_inpainting.restore(PHOTO, picture, mask)
    np.testing.assert_array_equal(restored[mask], np.tile(np.float32([1, 0, 0]), (mask.sum(), 1)))


def test_the_batch_is_halved_where_memory_runs_out_and_the_paintings_are_the_same(tiny_weights, monkeypatch, caplog):
    tiny_weights("sd2")
    painter = small(load_models({"painter": "sd2"})["painter"])
    expected = paint(painter, 7, batch_size=1)
    run, sizes = painter._run, []

    def short_of_memory(rgb, masks, prompts, seeds):
        sizes.append(len(masks))
        if len(masks) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(rgb, masks, prompts, seeds)

    monkeypatch.setattr(painter, "_run", short_of_memory)
    painted = paint(painter, 7, batch_size=7)
    assert sizes == [7, 3, 1, *[1] * 6] and "out of memory" in caplog.text
    for one, same in zip(painted, expected, strict=True):
        np.testing.assert_allclose(one.rgb, same.rgb, atol=1e-5)

    def no_memory(*_arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(painter, "_run", no_memory)
    with pytest.raises(BackendError, match="runs out of memory on cpu with a single painting of 96x64: use offload"):
        paint(painter, 2, batch_size=2)


def test_a_painter_is_loaded_from_a_folder_too(tiny_weights):
    from mfh.weights.hub import cached_folder, parse_source

    tiny_weights("sd15")
    folder = str(cached_folder(parse_source("hf:runwayml/stable-diffusion-inpainting")))
    by_place = small(load_models({"painter": folder})["painter"])
    assert by_place.name == folder
    by_name = small(load_models({"painter": "sd15"})["painter"])
    np.testing.assert_array_equal(paint(by_place, 1, batch_size=1)[0].rgb, paint(by_name, 1, batch_size=1)[0].rgb)
    by_old_id = load_models({"painter": "hf:runwayml/stable-diffusion-inpainting"})["painter"]
    assert by_old_id.name == "hf:stable-diffusion-v1-5/stable-diffusion-inpainting"


def test_options_that_save_memory_do_not_change_the_painting(tiny_weights):
    tiny_weights("sd2")
    plain = small(load_models({"painter": "sd2"})["painter"])
    sliced = small(diffusers_inpainting.from_catalog("sd2", DiffusionOptions(attention_slicing=True)))
    np.testing.assert_allclose(paint(sliced, 1, batch_size=1)[0].rgb, paint(plain, 1, batch_size=1)[0].rgb, atol=1e-4)
    with pytest.raises(InputError, match="there is no GPU to offload from"):
        diffusers_inpainting.from_catalog("sd2", DiffusionOptions(offload="model"))


@pytest.mark.parametrize("scheduler", ["lcm", "tcd", "ddim-trailing"])
def test_few_step_schedulers_keep_seeds_apart(tiny_weights, scheduler):
    tiny_weights("sd15")
    options = DiffusionOptions(scheduler=scheduler, guidance_scale=1.0)
    painter = small(diffusers_inpainting.from_catalog("sd15", options), steps=4)
    together = paint(painter, 3, batch_size=3)
    for one, same in zip(paint(painter, 3, batch_size=1), together, strict=True):
        np.testing.assert_allclose(one.rgb, same.rgb, atol=2e-5)


def test_an_adapter_changes_the_painting(tiny_weights):
    tiny_weights("sd15", "lcm-sd15")
    options = DiffusionOptions(scheduler="lcm", guidance_scale=1.0)
    without = small(diffusers_inpainting.from_catalog("sd15", options))
    with_it = small(diffusers_inpainting.from_catalog("sd15", replace(options, lora="lcm-sd15")))
    assert np.abs(paint(with_it, 1, batch_size=1)[0].rgb - paint(without, 1, batch_size=1)[0].rgb).max() > 1e-3


def test_a_folder_with_damaged_files_is_one_line(tiny_weights, tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionInpaintPipeline"}')
    with pytest.raises(WeightsError) as caught:
        load_models({"painter": str(tmp_path)})
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
    (tmp_path / "model_index.json").write_text("{")
    with pytest.raises(WeightsError, match=r"model_index\.json is damaged"):
        load_models({"painter": str(tmp_path)})


@given(st.integers(8, 5000), st.integers(8, 5000))
def test_painting_size(height, width):
    options = DiffusionOptions()
    tall, wide = painting_size(height, width, options)
    assert tall % 8 == wide % 8 == 0
    assert min(tall, wide) <= 512 and max(tall, wide) <= 1536
    if max(height, width) <= 3 * min(height, width):
        assert min(tall, wide) == 512
        # Rounding moves each side by half of eight at most.
        assert abs(tall / wide - height / width) <= 8 / 512 * height / width * 1.01


def test_the_papers_size_of_a_photo_of_640x480():
    assert painting_size(480, 640, DiffusionOptions()) == (512, 680)


@given(*[st.integers(1, 40)] * 4, st.data())
def test_a_resized_mask_is_true_just_where_any_of_it_was(height, width, tall, wide, data):
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    mask = np.zeros((height, width), bool)
    mask[row, column] = True
    expected = np.zeros((tall, wide), bool)
    for i in range(tall):
        for j in range(wide):
            # Pixel (i, j) covers [i/tall, (i + 1)/tall) of the height, and overlaps the one that is True.
            rows = i * height < (row + 1) * tall and row * tall < (i + 1) * height
            expected[i, j] = rows and j * width < (column + 1) * wide and column * wide < (j + 1) * width
    resized = mask_at_size(mask, tall, wide)
    assert expected.any()
    np.testing.assert_array_equal(resized, expected)


def test_batches_by_memory():
    def batch(gigabytes: float | None, **changes) -> int:
        free = None if gigabytes is None else int(gigabytes * 2**30)
        arguments = {"height": 512, "width": 512, "bytes_per_number": 2, "guided": True, **changes}
        return batch_for_memory(free, **arguments)

    assert batch(None) == 1 and batch(0.1) == 1
    assert batch(24) == 12 and batch(24, bytes_per_number=4) == 6 and batch(24, guided=False) == 25
    assert batch(24, height=1024, width=1024) == 3
    assert must_offload(4 * 2**30, 2 * 2**30) and not must_offload(8 * 2**30, 2 * 2**30)
    assert not must_offload(None, 10**12)


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"strength": 0.0}, {"batch_size": 0}, {"short_side_px": 2000}, {"short_side_px": 4}]
)
def test_options_that_cannot_work_are_refused(options):
    with pytest.raises(InputError, match="expected"):
        DiffusionOptions(**options)


def test_weights_that_were_cut_short_are_one_line(tiny_weights, tmp_path):
    from tests.models import tiny_hub

    tiny_hub.stable_diffusion(tmp_path)
    file = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(
        WeightsError, match="is no inpainting model that can be loaded .*fetch or copy it again"
    ) as caught:
        load_models({"painter": str(tmp_path)})
    assert "\n" not in str(caught.value)
