"""Loading a diffusion painter: networks, scheduler, few-step adapter, placement on a device."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.models.torch_loading import Precision, free_memory, hush_diffusers, loading, pick_dtype
from mfh.weights.catalog import CATALOG
from mfh.weights.hub import half_variant, locate, locate_model, parse_source, read_json

logger = logging.getLogger("mfh")

Scheduler = Literal["model", "lcm", "tcd", "ddim-trailing"]
Offload = Literal["auto", "none", "model", "sequential"]
GIBIBYTE = 1 << 30


@dataclass(frozen=True)
class DiffusionOptions:
    """The parameters of a painting besides photo, mask, prompt and seed, and how it is computed.

    Attributes:
        prompt_suffix: appended to every prompt (Sec. 3.2: prompts are "a man" and "a woman", nothing else).
        negative_prompt: empty for none, as published.
        guidance_scale: of classifier-free guidance; 1 or less switches it off and halves the time. Not stated in the
            publication; 20 in the authors' code.
        steps: denoising steps. Not stated in the publication; 50 in the authors' code.
        strength: 1 paints from pure noise; less starts from the photo.
        short_side_px: shorter side of the painted picture (512 in the authors' code).
        long_side_px: largest longer side.
        multiple_px: both sides are multiples of it: the autoencoder's stride.
        scheduler: "model" (the model's own), or the one a few-step adapter was distilled for.
        lora: model, "hf:org/name" or folder of a few-step adapter (LCM, TCD, Hyper); None for none. Needs peft.
        lora_file: file of the adapter; None where its repository has only one.
        precision: "auto" is float16 on CUDA and float32 elsewhere.
        batch_size: paintings per batch; None chooses by free memory on CUDA and 1 elsewhere, where larger batches are
            not faster. Halved where memory runs out. Does not change the result.
        attention_slicing: less memory, more time.
        offload: "none" keeps the model on the device; "model" moves one network at a time there; "sequential" one
            layer at a time, for the smallest GPUs; "auto" is "model", with a warning, where the free memory of a CUDA
            device does not suffice for the model and a painting, and "none" elsewhere.
        compile: compile the denoiser on first use; faster after many paintings of one size.
    """

    prompt_suffix: str = ""
    negative_prompt: str = ""
    guidance_scale: float = 20.0
    steps: int = 50
    strength: float = 1.0
    short_side_px: int = 512
    long_side_px: int = 1536
    multiple_px: int = 8
    scheduler: Scheduler = "model"
    lora: str | None = None
    lora_file: str | None = None
    precision: Precision = "auto"
    batch_size: int | None = None
    attention_slicing: bool = False
    offload: Offload = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("steps", "multiple_px"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: expected at least 1")
        if not 0 < self.strength <= 1:
            raise InputError(f"strength is {self.strength}: expected above 0, at most 1")
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch_size is {self.batch_size}: expected at least 1, or None")
        if not self.multiple_px <= self.short_side_px <= self.long_side_px:
            raise InputError(
                f"sides are {self.short_side_px} and {self.long_side_px}: expected multiple_px ({self.multiple_px}) <= "
                "short_side_px <= long_side_px"
            )


def painting_size(height: int, width: int, options: DiffusionOptions) -> tuple[int, int]:
    """Return the (height, width) of the painted picture of a photo.

    The shorter side is ``short_side_px`` unless the longer one would exceed ``long_side_px``; both are rounded to
    multiples of ``multiple_px``, so the aspect may change by up to half of one.
    """
    scale = min(options.short_side_px / min(height, width), options.long_side_px / max(height, width))
    step = options.multiple_px
    tall, wide = (max(1, round(side * scale / step)) * step for side in (height, width))
    return tall, wide


def at_size(rgb: Float[ndarray, "h w 3"], height: int, width: int) -> Float[ndarray, "tall wide 3"]:
    """Return a resized picture: area averages where it shrinks, linear interpolation where it grows."""
    shrinks = height * width < rgb.shape[0] * rgb.shape[1]
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def mask_at_size(paint_mask: Bool[ndarray, "h w"], height: int, width: int) -> Bool[ndarray, "tall wide"]:
    """Return a resized mask, True where any of its pixels was: no pixel of the requested mask stays unpainted."""
    return _any_of(_any_of(paint_mask, height).T, width).T


def _any_of(paint_mask: Bool[ndarray, "h w"], rows: int) -> Bool[ndarray, "rows w"]:
    """Return for each of ``rows`` equal parts of the height where any row it touches is True."""
    counts = np.concatenate([np.zeros((1, paint_mask.shape[1]), int), np.cumsum(paint_mask, 0)])
    edges = np.arange(rows + 1) * paint_mask.shape[0]
    first, after = edges[:-1] // rows, -(-edges[1:] // rows)
    return counts[after] > counts[first]


def must_offload(free_bytes: int | None, model_bytes: int) -> bool:
    """Return whether a model must be moved to the device network by network; never where the free memory is unknown."""
    # Room for two paintings beside the model, as estimated in batch_for_memory.
    return free_bytes is not None and model_bytes + 3 * GIBIBYTE > free_bytes


def batch_for_memory(free_bytes: int | None, *, height: int, width: int, bytes_per_number: int, guided: bool) -> int:
    """Return the number of paintings per batch.

    A painting of 512x512 with guidance in half precision is assumed to take 1.5 GiB beside the model, in proportion to
    its pixels and to the bytes per number; a fifth of the free memory is kept free. Where the free memory is not known,
    the answer is 1. The painter halves a batch that does not fit.
    """
    if free_bytes is None:
        return 1
    each = 1.5 * GIBIBYTE * (height * width) / 512**2 * (bytes_per_number / 2) * (1 if guided else 0.5)
    return max(1, math.floor(0.8 * free_bytes / each))


MARKER = "model_index.json"


def load_pipeline(folder: Path, options: DiffusionOptions, *, device: str) -> Any:
    """Return an inpainting pipeline of diffusers, on its device.

    Raises:
        WeightsError: where its files cannot be read.
        InputError: for options that the device does not support.
    """
    from diffusers.pipelines.auto_pipeline import AutoPipelineForInpainting

    hush_diffusers()
    dtype = pick_dtype(options.precision, device)
    variant = half_variant(folder, half=dtype.itemsize < 4)
    index = read_json(folder / MARKER)
    # The checker blanks pictures, which would count as paintings without a person.
    extra = {"safety_checker": None, "requires_safety_checker": False} if "safety_checker" in index else {}
    with loading(folder, "inpainting model"):
        pipeline = AutoPipelineForInpainting.from_pretrained(
            folder, dtype=dtype, variant=variant, local_files_only=True, **extra
        )
    pipeline.set_progress_bar_config(disable=True)
    if options.lora is not None:
        _add_adapter(pipeline, *_adapter_file(options.lora, options.lora_file))
    pipeline.scheduler = make_scheduler(pipeline.scheduler, options.scheduler)
    return _place(pipeline, options, device)


def make_scheduler(own: Any, wanted: Scheduler) -> Any:
    """Return the wanted scheduler, with the noise schedule of the model's own."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_lcm import LCMScheduler
    from diffusers.schedulers.scheduling_tcd import TCDScheduler

    if wanted == "lcm":
        return LCMScheduler.from_config(own.config)
    if wanted == "tcd":
        return TCDScheduler.from_config(own.config)
    if wanted == "ddim-trailing":
        # The Hyper adapters were distilled for it.
        return DDIMScheduler.from_config(own.config, timestep_spacing="trailing")
    return own


def _add_adapter(pipeline: Any, folder: Path, file: str) -> None:
    """Load a few-step adapter and merge it into the weights."""
    import peft  # noqa: F401  needed by diffusers, whose own error is less clear

    with loading(folder, "adapter of this model"):
        pipeline.load_lora_weights(str(folder), weight_name=file, local_files_only=True)
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()


def _adapter_file(lora: str, file: str | None) -> tuple[Path, str]:
    """Return folder and file name of an adapter; only safetensors, which cannot run code."""
    if lora in CATALOG:
        repo = CATALOG[lora].hub
        if repo is None:
            raise InputError(f"{lora} is no adapter: expected hf:org/name, a folder, or lcm-sd15 or lcm-sdxl")
        return locate_model(lora), repo.marker
    source = parse_source(lora)
    name = file or "pytorch_lora_weights.safetensors"
    if not name.endswith(".safetensors"):
        raise InputError(f"lora_file is {name!r}: expected a .safetensors file")
    return locate(source, marker=name), name


def _place(pipeline: Any, options: DiffusionOptions, device: str) -> Any:
    """Move the networks to the device, and enable the options that save memory or time."""
    import torch

    if options.attention_slicing:
        pipeline.enable_attention_slicing()
    if options.compile:
        networks = pipeline.components
        (networks["unet"] if "unet" in networks else networks["transformer"]).compile()
    offload = options.offload
    if offload == "auto":
        networks = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
        weights = sum(one.numel() * one.element_size() for network in networks for one in network.parameters())
        offload = "model" if must_offload(free_memory(device), weights) else "none"
        if offload == "model":
            logger.warning(
                "the painter does not fit the free memory of %s whole: its networks take turns there", device
            )
    if offload == "none":
        return pipeline.to(device)
    if device == "cpu":
        raise InputError(f"offload is {offload!r} and there is no GPU to offload from: use offload='none'")
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
    return pipeline
