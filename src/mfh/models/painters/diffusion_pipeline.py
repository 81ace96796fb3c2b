"""Loading a diffusion painter: its networks, its scheduler, a few-step adapter, and where all of it runs."""

import logging
from pathlib import Path
from typing import Any

from mfh.errors import InputError
from mfh.models.hub import half_variant, locate, locate_artefact, parse_source, read_json
from mfh.models.hub_loading import hush_diffusers, loading
from mfh.models.painters.diffusion_options import DiffusionOptions, Scheduler, must_offload
from mfh.models.torch_device import free_memory, pick_dtype
from mfh.models.weights_table import ARTEFACTS

logger = logging.getLogger("mfh")

MARKER = "model_index.json"


def load_pipeline(folder: Path, options: DiffusionOptions, *, device: str) -> Any:
    """Return a pipeline of diffusers, ready to paint.

    Args:
        folder: made by save_pretrained, or a snapshot of a hub repository.
        options: precision, scheduler, adapter and what saves memory.
        device: where it runs.

    Raises:
        WeightsError: where its files cannot be read.
        InputError: where options contradict the device.
    """
    from diffusers.pipelines.auto_pipeline import AutoPipelineForInpainting

    hush_diffusers()
    dtype = pick_dtype(options.precision, device)
    variant = half_variant(folder, half=dtype.itemsize < 4)
    index = read_json(folder / MARKER)
    # The checker blanks a picture it dislikes, which would be taken for a painting without anybody.
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
    """Return the scheduler to paint with.

    Args:
        own: the one the model came with; its noise schedule is kept.
        wanted: which one.
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_lcm import LCMScheduler
    from diffusers.schedulers.scheduling_tcd import TCDScheduler

    if wanted == "lcm":
        return LCMScheduler.from_config(own.config)
    if wanted == "tcd":
        return TCDScheduler.from_config(own.config)
    if wanted == "ddim-trailing":
        # What the Hyper adapters were distilled for.
        return DDIMScheduler.from_config(own.config, timestep_spacing="trailing")
    return own


def _add_adapter(pipeline: Any, folder: Path, file: str) -> None:
    """Load a few-step adapter and melt it into the weights."""
    import peft  # noqa: F401  diffusers needs it and would name it less clearly

    with loading(folder, "adapter of this model"):
        pipeline.load_lora_weights(str(folder), weight_name=file, local_files_only=True)
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()


def _adapter_file(lora: str, file: str | None) -> tuple[Path, str]:
    """Return folder and file name of an adapter: safetensors only, which cannot run code."""
    if lora in ARTEFACTS:
        repo = ARTEFACTS[lora].hub
        if repo is None:
            raise InputError(f"{lora} is no adapter: expected hf:org/name, a folder, or lcm-sd15 or lcm-sdxl")
        return locate_artefact(lora, marker=repo.marker), repo.marker
    source = parse_source(lora)
    name = file or "pytorch_lora_weights.safetensors"
    if not name.endswith(".safetensors"):
        raise InputError(f"lora_file is {name!r}: expected a .safetensors file")
    return locate(source, marker=name), name


def _place(pipeline: Any, options: DiffusionOptions, device: str) -> Any:
    """Put the networks where they run, and switch on what saves memory or time."""
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
