"""Tiny random-weight copies of published models, written by ``save_pretrained``, read by the code that reads the hub.

``install`` puts one for every model it has a builder for into a weights cache, so that models load by their
registry names. What a user supplies is written as the user would have it.
"""

import json
from collections.abc import Callable
from pathlib import Path

from mfh.weights import store as weights
from mfh.weights.catalog import CATALOG
from mfh.weights.hub import Source, cached_folder
from tests.models.tiny_depth import depth_anything, depth_pro, zoedepth

WORDS = ("man", "woman")


def install(names: tuple[str, ...]) -> None:
    """Write tiny copies of models into the weights cache ($MFH_WEIGHTS); what is there already stays."""
    for name in names:
        repo = CATALOG[name].hub
        folder = weights.path(name) if repo is None else cached_folder(Source(repo=repo.repo, revision=repo.revision))
        if not folder.is_dir():
            BUILDERS[name](folder)


def tokenizer(folder: Path):
    """Return a CLIP tokenizer of bytes and two words, by way of files as the hub has them."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    vocabulary = letters + [letter + "</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    for first, second in (("m", "a"), ("ma", "n</w>"), ("w", "o"), ("wo", "man</w>")):
        merges.append((first, second))
        vocabulary.append(first + second)
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(vocabulary)}))
    lines = [f"{first} {second}" for first, second in merges]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
    made = CLIPTokenizer.from_pretrained(folder, model_max_length=77)
    (folder / "vocab.json").unlink()
    (folder / "merges.txt").unlink()
    folder.rmdir()
    return made


def _autoencoder():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        block_out_channels=[16, 16, 16, 16],
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
    )


def _text_config(tokens, **changes):
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
        **changes,
    )


def _unet(in_channels: int, **changes):
    from diffusers import UNet2DConditionModel

    options = {"cross_attention_dim": 32, **changes}
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        norm_num_groups=8,
        **options,
    )


def _schedule() -> dict[str, object]:
    return {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def stable_diffusion(folder: Path) -> None:
    """Write a Stable Diffusion inpainting pipeline, with the entry of a safety checker that it does not have."""
    import torch
    from diffusers import PNDMScheduler, StableDiffusionInpaintPipeline
    from transformers import CLIPTextModel

    torch.manual_seed(0)
    tokens = tokenizer(folder / "words")
    StableDiffusionInpaintPipeline(
        vae=_autoencoder(),
        text_encoder=CLIPTextModel(_text_config(tokens)),
        tokenizer=tokens,
        unet=_unet(9),
        scheduler=PNDMScheduler(skip_prk_steps=True, steps_offset=1, **_schedule()),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def stable_diffusion_xl(folder: Path) -> None:
    """Write a Stable Diffusion XL inpainting pipeline."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    tokens = tokenizer(folder / "words")
    StableDiffusionXLInpaintPipeline(
        vae=_autoencoder(),
        text_encoder=CLIPTextModel(_text_config(tokens, hidden_act="gelu", projection_dim=32)),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(tokens, hidden_act="gelu", projection_dim=32)),
        tokenizer=tokens,
        tokenizer_2=tokens,
        unet=_unet(
            9,
            cross_attention_dim=64,
            transformer_layers_per_block=(1, 1),
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=80,
        ),
        scheduler=EulerDiscreteScheduler(steps_offset=1, timestep_spacing="leading", **_schedule()),
    ).save_pretrained(folder)


def marigold(folder: Path) -> None:
    """Write a Marigold pipeline."""
    import torch
    from diffusers import DDIMScheduler, MarigoldDepthPipeline
    from transformers import CLIPTextModel

    torch.manual_seed(0)
    tokens = tokenizer(folder / "words")
    MarigoldDepthPipeline(
        unet=_unet(8),
        vae=_autoencoder(),
        scheduler=DDIMScheduler(prediction_type="v_prediction", **_schedule()),
        text_encoder=CLIPTextModel(_text_config(tokens)),
        tokenizer=tokens,
        prediction_type="depth",
        scale_invariant=True,
        shift_invariant=True,
        default_denoising_steps=2,
        default_processing_resolution=64,
    ).save_pretrained(folder)


def adapter(folder: Path) -> None:
    """Write a few-step adapter that fits the attention of every tiny denoiser's middle block."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name in ("to_q", "to_out.0"):
        layer = f"unet.mid_block.attentions.0.transformer_blocks.0.attn1.{name}"
        tensors[f"{layer}.lora_A.weight"] = torch.randn(4, 64, generator=generator)
        tensors[f"{layer}.lora_B.weight"] = torch.randn(64, 4, generator=generator)
    save_file(tensors, folder / "pytorch_lora_weights.safetensors")


def mask2former(folder: Path) -> None:
    """Write a Mask2Former of one-block stages that knows people."""
    from tests.models.segmentation.tiny_models import write

    write(folder)


def hmr2(folder: Path) -> None:
    """Write an HMR 2.0 network that sees everybody in front of the camera."""
    from mfh.models.human_mesh.hmr2_checkpoint import convert_hmr2_checkpoint
    from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint, seeing_ahead

    folder.mkdir(parents=True)
    state = dict(seeing_ahead(random_network(TINY)).state_dict())
    checkpoint = save_training_checkpoint(state, folder / "epoch=35-step=1000000.ckpt")
    convert_hmr2_checkpoint(checkpoint, folder / "hmr2.safetensors", sizes=TINY)


def hmar(folder: Path) -> None:
    """Write an HMAR network that sees everybody in front of the camera."""
    from mfh.models.human_mesh.hmar_checkpoint import convert_hmar_checkpoint
    from tests.models.human_mesh.hmar_fixtures import TINY, random_network, save_phalp, seeing_ahead

    folder.mkdir(parents=True)
    checkpoint = save_phalp(dict(seeing_ahead(random_network()).state_dict()), folder / "hmar_v2_weights.pth")
    convert_hmar_checkpoint(checkpoint, folder / "hmar.safetensors", sizes=TINY)


def smpl(folder: Path) -> None:
    """Write a made-up body model as the user's SMPL file."""
    from tests.models.human_mesh.smpl_fixtures import made_up_smpl, save_published_pickle

    folder.mkdir(parents=True)
    save_published_pickle(made_up_smpl(), folder / "SMPL_NEUTRAL.pkl", protocol=2)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "sd2": stable_diffusion,
    "sd15": stable_diffusion,
    "sdxl": stable_diffusion_xl,
    "lcm-sd15": adapter,
    "lcm-sdxl": adapter,
    "marigold": marigold,
    "zoedepth": zoedepth,
    "depth-pro": depth_pro,
    "mask2former": mask2former,
    "hmr2": hmr2,
    "hmar": hmar,
    "smpl": smpl,
    **{name: depth_anything for name in CATALOG if name.startswith("depth-anything-")},
}
"""CatalogModel -> what writes its tiny copy."""
