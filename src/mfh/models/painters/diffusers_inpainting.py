"""Painters by latent diffusion: any inpainting pipeline of diffusers, from the hub or a folder."""

import inspect
import logging
import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import BackendError, InputError
from mfh.models.painters.diffusion_pipeline import (
    MARKER,
    DiffusionOptions,
    at_size,
    batch_for_memory,
    load_pipeline,
    mask_at_size,
    painting_size,
)
from mfh.models.protocols import PAPER_SHARED_LOG_SIGMA, PaintMask, Rgb
from mfh.models.torch_loading import empty_cache, free_memory, pick_device, pick_dtype
from mfh.types import PaintedPhoto
from mfh.weights.hub import locate, locate_model, parse_source

logger = logging.getLogger("mfh")

PAPER = DiffusionOptions()
"""Stable Diffusion with the published settings (Sec. 4, App. B); values not stated there are from the authors' code."""
XL = DiffusionOptions(short_side_px=1024, long_side_px=2048, guidance_scale=8.0, strength=0.99)
"""Stable Diffusion XL at its training resolution, with the settings of its model card."""
# The adapter's model card: four to eight steps, guidance of at most 2.
_LCM_STEPS, _LCM_GUIDANCE = 8, 1.5


def _few_steps(options: DiffusionOptions, adapter: str) -> DiffusionOptions:
    return replace(options, lora=adapter, scheduler="lcm", steps=_LCM_STEPS, guidance_scale=_LCM_GUIDANCE)


_CATALOG: dict[str, tuple[str, DiffusionOptions]] = {
    "sd2": ("sd2", PAPER),
    "sd15": ("sd15", PAPER),
    "sdxl": ("sdxl", XL),
    "sd15-lcm": ("sd15", _few_steps(PAPER, "lcm-sd15")),
    "sdxl-lcm": ("sdxl", replace(_few_steps(XL, "lcm-sdxl"), strength=1.0)),
}
"""Painter -> its model in the catalog, and its options."""


def from_catalog(name: str, options: DiffusionOptions | None = None) -> "DiffusersInpainting":
    """Return a painter of the catalog: Stable Diffusion 2 (the best of Table 8), 1.5 or XL, or one with few steps."""
    model, own_options = _CATALOG[name]
    return DiffusersInpainting(locate_model(model), options or own_options, name=name)


def from_source(source: str, options: DiffusionOptions = PAPER) -> "DiffusersInpainting":
    """Return the painter in "hf:org/name", "hf:org/name@revision" or a folder.

    Raises:
        InputError: for a source that cannot be used.
        WeightsError: where the model is not on this machine, with the fix.
    """
    parsed = parse_source(source)
    if parsed.space is not None:
        raise InputError(f"{source!r} names a space, which painters do not have: leave out ?space=")
    return DiffusersInpainting(locate(parsed, marker=MARKER), options, name=parsed.text)


class DiffusersInpainting:
    """Painter by latent diffusion from a folder's pipeline; each painting has its own random generator.

    Raises:
        InputError: for options that this machine does not support.
        WeightsError: where the files cannot be read.
        BackendError: for options that the pipeline does not support.
    """

    def __init__(self, folder: Path, options: DiffusionOptions = PAPER, *, name: str) -> None:
        self.name = name
        self.shared_log_sigma = PAPER_SHARED_LOG_SIGMA
        self.provenance = f"the painter {name} learned from photographs of the internet how large people appear"
        self.options = options
        self.device = pick_device()
        self._batch_size = options.batch_size
        self._pipeline = load_pipeline(folder, options, device=self.device)
        # A pipeline stores the state of a call: one thread at a time.
        self._one_at_a_time = threading.Lock()
        self._accepted = inspect.signature(type(self._pipeline).__call__).parameters
        if options.negative_prompt and "negative_prompt" not in self._accepted:
            raise BackendError(f"{name} takes no negative prompt: leave negative_prompt empty")

    def with_guidance(self, *, guidance_scale: float | None = None, steps: int | None = None) -> "DiffusersInpainting":
        """Return the same painter with other guidance or steps, which its name states; the pipeline is shared."""
        chosen = {"guidance_scale": guidance_scale, "steps": steps}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        other = copy(self)
        other.options = replace(self.options, **chosen)
        # Guidance doubles the memory of a painting.
        other._batch_size = other.options.batch_size
        stated = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in chosen.items())
        other.name = f"{self.name} ({stated})" if stated else self.name
        return other

    def paint(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one person per mask, at the photo's own size; outside its mask the photo is unchanged bit for bit.

        Painting n depends on the photo and its own mask, prompt and seed: batch size, order and the other paintings
        change it by rounding errors at most (1e-5 in single precision).
        """
        height, width = photo.shape[:2]
        tall, wide = painting_size(height, width, self.options)
        small = at_size(photo, tall, wide)
        jobs = list(zip(paint_masks, prompts, seeds, strict=True))
        painted: list[PaintedPhoto] = []
        while len(painted) < len(jobs):
            batch = jobs[len(painted) : len(painted) + self._next_batch(tall, wide)]
            masks = [mask_at_size(paint_mask, tall, wide) for paint_mask, _, _ in batch]
            pictures = self._run_or_halve(small, masks, [job[1] for job in batch], [job[2] for job in batch])
            painted += [
                PaintedPhoto(restore(photo, picture, paint_mask), paint_mask, prompt, seed)
                for picture, (paint_mask, prompt, seed) in zip(pictures, batch, strict=False)
            ]
        return painted

    def _next_batch(self, tall: int, wide: int) -> int:
        if self._batch_size is None:
            numbers = pick_dtype(self.options.precision, self.device).itemsize
            guided = self.options.guidance_scale > 1
            free = free_memory(self.device)
            self._batch_size = batch_for_memory(free, height=tall, width=wide, bytes_per_number=numbers, guided=guided)
        return self._batch_size

    def _run_or_halve(
        self, rgb: Rgb, masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> Float[ndarray, "n tall wide 3"]:
        """Paint a batch, halved until the memory suffices."""
        import torch

        count = len(masks)
        while True:
            try:
                return self._run(rgb, masks[:count], prompts[:count], seeds[:count])
            except torch.OutOfMemoryError as error:
                if count == 1:
                    raise BackendError(
                        f"{self.name} runs out of memory on {self.device} with a single painting of "
                        f"{rgb.shape[1]}x{rgb.shape[0]}: use offload='model', or a smaller short_side_px"
                    ) from error
            # Outside the handler, whose traceback holds the failed batch's memory.
            empty_cache(self.device)
            count //= 2
            self._batch_size = count
            logger.warning("%s: out of memory, going on with %d paintings at once", self.name, count)

    def _run(
        self, rgb: Rgb, masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> Float[ndarray, "n tall wide 3"]:
        import torch

        tall, wide = rgb.shape[:2]
        image = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].repeat(len(masks), 1, 1, 1)
        options = self.options
        arguments: dict[str, Any] = {
            "prompt": [prompt + options.prompt_suffix for prompt in prompts],
            "image": image,
            "mask_image": torch.from_numpy(np.stack(masks).astype(np.float32))[:, None],
            "height": tall,
            "width": wide,
            "num_inference_steps": options.steps,
            "guidance_scale": options.guidance_scale,
            # On the CPU, so that a seed gives the same noise on every device.
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            "output_type": "np",
        }
        if "strength" in self._accepted:
            arguments["strength"] = options.strength
        if "negative_prompt" in self._accepted:
            arguments["negative_prompt"] = [options.negative_prompt] * len(prompts)
        with self._one_at_a_time, torch.inference_mode():
            pictures = np.asarray(self._pipeline(**arguments).images, np.float32)
        if not np.isfinite(pictures).all():
            raise BackendError(f"{self.name} painted values that are not finite: use precision='float32' or 'bfloat16'")
        return pictures


def restore(
    photo: Float[ndarray, "h w 3"], picture: Float[ndarray, "tall wide 3"], paint_mask: Bool[ndarray, "h w"]
) -> Float[ndarray, "h w 3"]:
    """Return the painted picture, resized to the photo, inside the mask, and the photo bit for bit outside.

    The autoencoder changes every pixel, also outside the mask.
    """
    height, width = photo.shape[:2]
    painted = np.clip(at_size(picture, height, width), 0, 1).astype(photo.dtype)
    return np.where(paint_mask[..., None], painted, photo)
