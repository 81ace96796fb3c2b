"""Small networks of HMAR's form, and checkpoints under the names that the published loaders take apart."""

from pathlib import Path

import numpy as np
import torch

from mfh.models.human_mesh.hmar_checkpoint import MEANS_NAME, network_shapes
from mfh.models.human_mesh.hmar_network import HmarNetwork, HmarSizes

TINY = HmarSizes(width=8, hidden_dim=64)
SMALLEST = HmarSizes(width=1, hidden_dim=4)
PREFIX = "_net_"
"""Five characters, as the published loader drops; which they are is not published."""


def seeded_state(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Draw every tensor by the rule of the parity numbers: seeded by its place among the sorted names."""
    return {
        name: torch.from_numpy(_drawn(name, shapes[name], seed).astype(np.float32))
        for seed, name in enumerate(sorted(shapes))
    }


def _drawn(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    x = np.random.RandomState(seed).standard_normal(int(np.prod(shape))).reshape(shape)
    if name.endswith("init_body_pose"):
        return np.tile([1.0, 0, 0, 0, 1, 0], 24) + 0.3 * x
    if name.endswith("init_betas"):
        return 0.3 * x
    if name.endswith("init_cam"):
        return np.array([0.9, 0, 0]) + 0.1 * x
    if name.endswith("running_var"):
        return np.exp(0.2 * x)
    if len(shape) > 1:
        return x / np.sqrt(np.prod(shape[1:]))
    return (1.0 if name.endswith("weight") else 0.0) + 0.1 * x


def random_network(sizes: HmarSizes = TINY) -> HmarNetwork:
    """A network whose every parameter and buffer is drawn, so that none of them goes unnoticed."""
    network = HmarNetwork(sizes)
    network.load_state_dict(seeded_state(network_shapes(sizes)))
    return network.eval()


def save_phalp(
    state: dict[str, torch.Tensor], path: Path, *, archived: bool = True, drop: tuple[str, ...] = (), **more: object
) -> Path:
    """The network among what a mesh does not need, under a prefix, as PHALP's file is read."""
    whole = {
        **{name.replace("smpl_head", "smplx_head"): tensor for name, tensor in state.items()},
        "backbone.conv1m.weight": torch.zeros(8, 4, 7, 7),
        "backbone.bn1.num_batches_tracked": torch.tensor(1),
        "texture_head.blocks.0.weight": torch.zeros(3, 3),
        "encoding_head.fc1.weight": torch.zeros(3, 3),
    }
    named = {f"{PREFIX}{name}": tensor for name, tensor in whole.items() if not name.endswith(drop or ("\0",))}
    content = {"model": {**named, "optimiser.step": torch.tensor(5)}, "epoch": 7, **more}
    torch.save(content, path, _use_new_zipfile_serialization=archived)
    return path


def save_t3dp(state: dict[str, torch.Tensor], path: Path) -> Path:
    """The older network: no prefix, and the loss it was trained with."""
    named = {name.replace("smpl_head", "smplx_head"): tensor for name, tensor in state.items()}
    torch.save({"model": {**named, "perceptual_loss.net.0.weight": torch.zeros(4, 4)}}, path)
    return path


def save_means(state: dict[str, torch.Tensor], folder: Path) -> Path:
    """The means of a network as the file that is published beside it."""
    arrays = {"pose": "init_body_pose", "shape": "init_betas", "cam": "init_cam"}
    np.savez(
        folder / MEANS_NAME,
        **{key: state[f"smpl_head.{name}"][0].numpy().astype(float) for key, name in arrays.items()},
    )
    return folder / MEANS_NAME


def seeing_ahead(network: HmarNetwork) -> HmarNetwork:
    """Make a network see every person in front of the camera: s is about 0.7."""
    state = network.state_dict()
    state["smpl_head.deccam.weight"].mul_(0.01)
    state["smpl_head.init_cam"].copy_(torch.tensor([[0.7, 0.0, 0.0]]) - 3 * state["smpl_head.deccam.bias"])
    return network
