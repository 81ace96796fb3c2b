"""Small networks of HMR 2.0's form, the published names, and a training checkpoint as the publisher writes it."""

import json
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path

import torch

from mfh.models.human_mesh.hmr2_checkpoint import SIZES_KEY
from mfh.models.human_mesh.hmr2_network import Hmr2Network, NetworkSizes
from tests.models.human_mesh.smpl_fixtures import foreign_classes
from tests.models.human_mesh.training_configs import OMEGACONF_CLASSES, omegaconf_config, yacs_config

TINY = NetworkSizes(
    backbone_dim=64,
    backbone_depth=3,
    backbone_heads=4,
    decoder_dim=64,
    decoder_depth=2,
    decoder_heads=2,
    decoder_head_dim=16,
    decoder_mlp_dim=64,
)


def published_names() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published checkpoint's network, written out by hand."""
    names: dict[str, tuple[int, ...]] = {
        "backbone.pos_embed": (1, 193, 1280),
        "backbone.patch_embed.proj.weight": (1280, 3, 16, 16),
        "backbone.patch_embed.proj.bias": (1280,),
        "backbone.last_norm.weight": (1280,),
        "backbone.last_norm.bias": (1280,),
        "smpl_head.init_body_pose": (1, 144),
        "smpl_head.init_betas": (1, 10),
        "smpl_head.init_cam": (1, 3),
        "smpl_head.transformer.pos_embedding": (1, 1, 1024),
        "smpl_head.transformer.to_token_embedding.weight": (1024, 1),
        "smpl_head.transformer.to_token_embedding.bias": (1024,),
    }
    for name, rows in (("decpose", 144), ("decshape", 10), ("deccam", 3)):
        names[f"smpl_head.{name}.weight"], names[f"smpl_head.{name}.bias"] = (rows, 1024), (rows,)
    for k in range(32):
        block = f"backbone.blocks.{k}"
        for norm in ("norm1", "norm2"):
            names[f"{block}.{norm}.weight"] = names[f"{block}.{norm}.bias"] = (1280,)
        for part, rows, columns in (
            ("attn.qkv", 3840, 1280),
            ("attn.proj", 1280, 1280),
            ("mlp.fc1", 5120, 1280),
            ("mlp.fc2", 1280, 5120),
        ):
            names[f"{block}.{part}.weight"], names[f"{block}.{part}.bias"] = (rows, columns), (rows,)
    for k in range(6):
        layer = f"smpl_head.transformer.transformer.layers.{k}"
        for j in range(3):
            names[f"{layer}.{j}.norm.weight"] = names[f"{layer}.{j}.norm.bias"] = (1024,)
        names[f"{layer}.0.fn.to_qkv.weight"] = (1536, 1024)
        names[f"{layer}.1.fn.to_kv.weight"] = (1024, 1280)
        names[f"{layer}.1.fn.to_q.weight"] = (512, 1024)
        for j in range(2):
            names[f"{layer}.{j}.fn.to_out.0.weight"] = (1024, 512)
            names[f"{layer}.{j}.fn.to_out.0.bias"] = (1024,)
        for j in (0, 3):
            names[f"{layer}.2.fn.net.{j}.weight"] = (1024, 1024)
            names[f"{layer}.2.fn.net.{j}.bias"] = (1024,)
    return names


def random_network(sizes: NetworkSizes, seed: int = 0) -> Hmr2Network:
    """A network whose every parameter and buffer is drawn, so that none of them goes unnoticed."""
    network = Hmr2Network(sizes)
    noise = torch.Generator().manual_seed(seed)
    network.load_state_dict(
        {name: 0.2 * torch.randn(tensor.shape, generator=noise) for name, tensor in network.state_dict().items()}
    )
    return network.eval()


def save_training_checkpoint(
    state: dict[str, torch.Tensor],
    path: Path,
    *,
    config_class: str = "yacs.config.CfgNode",
    library: str = "yacs",
    sizes: NetworkSizes | None = None,
) -> Path:
    """The network among the body model, the training aids and the pickled configuration of one of two libraries.

    A network of other sizes than the published ones states them where ``sizes`` are given.
    """
    whole = {
        **state,
        "smpl.faces_tensor": torch.zeros(20, 3, dtype=torch.int64),
        "smpl.v_template": torch.zeros(5, 3),
        "discriminator.D_alpha.weight": torch.zeros(4, 4),
        "initialized": torch.tensor(True),
    }
    with foreign_classes(OMEGACONF_CLASSES if library == "omegaconf" else {config_class: dict}) as classes:
        config = omegaconf_config(classes) if library == "omegaconf" else yacs_config(classes, name=config_class)
        stated = {SIZES_KEY: json.dumps(asdict(sizes))} if sizes is not None else {}
        torch.save(
            {
                "epoch": 35,
                "global_step": 1_000_000,
                "pytorch-lightning_version": "1.9.0",
                "state_dict": OrderedDict(whole),
                "loops": {"fit_loop": {"epoch_progress": {"total": {"ready": 36, "completed": 35}}}},
                "callbacks": {
                    "ModelCheckpoint{'monitor': None, 'every_n_train_steps': 10000}": {
                        "best_model_score": torch.tensor(0.5),
                        "best_k_models": {"logs/last.ckpt": torch.tensor(0.5)},
                        "dirpath": "logs/train/multiruns/hmr2/0/checkpoints",
                    }
                },
                "optimizer_states": [
                    {
                        "state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(3)}},
                        "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.999), "foreach": None, "params": [0]}],
                    }
                ],
                "lr_schedulers": [],
                "MixedPrecisionPlugin": {"scale": 65536.0, "_growth_tracker": 5},
                "extras": {"device": torch.device("cuda:0"), "shape": torch.Size([3]), "dtype": torch.float16},
                "hyper_parameters": {"cfg": config},
                "hparams_name": "kwargs",
                **stated,
            },
            path,
        )
    return path


def seeing_ahead(network: Hmr2Network) -> Hmr2Network:
    """Make a network see everybody in front of the camera: s is about 0.7."""
    state = network.state_dict()
    state["smpl_head.deccam.weight"].mul_(0.01)
    state["smpl_head.init_cam"].copy_(torch.tensor([[0.7, 0.0, 0.0]]) - state["smpl_head.deccam.bias"])
    return network
