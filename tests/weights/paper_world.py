"""All that preset ``paper`` is fetched from, as tiny networks with random weights under the published names.

Two networks are made so that people are found: the person detector sees a figure in the middle of every picture, and
HMR 2.0 reads the same standing body from every crop. The figure is that body's outline.
"""

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import torch

from mfh.models.human_mesh.hmr2_network import Hmr2Network
from tests.models import tiny_hub
from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint
from tests.models.human_mesh.smpl_fixtures import made_up_smpl, save_published_pickle

DEPTH, PAINTER = "LiheYoung/depth-anything-large-hf", "sd2-community/stable-diffusion-2-inpainting"
MIRROR = "camenduru/4D-Humans"
CHECKPOINT = "train/multiruns/hmr2/0/checkpoints/epoch=35-step=1000000.ckpt"
SCALE = 0.9
"""The weak-perspective scale that HMR 2.0 reads from every crop."""


def files_in(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def standing_network() -> Hmr2Network:
    """HMR 2.0 that reads the body in rest pose, upright and in front of the camera, from every crop."""
    network = random_network(TINY)
    state = network.state_dict()
    for decoder, buffer, initial in (
        ("decpose", "init_body_pose", torch.tensor([1.0, 0, 0, 0, 1.0, 0]).repeat(24)[None]),
        ("decshape", "init_betas", torch.zeros(1, 10)),
        ("deccam", "init_cam", torch.tensor([[SCALE, 0.0, 0.0]])),
    ):
        state[f"smpl_head.{decoder}.weight"].zero_()
        state[f"smpl_head.{decoder}.bias"].zero_()
        state[f"smpl_head.{buffer}"].copy_(initial)
    return network


def checkpoint(folder: Path, library: str = "omegaconf") -> bytes:
    """The training checkpoint of 4D-Humans."""
    path = folder / f"{library}.ckpt"
    return save_training_checkpoint(
        dict(standing_network().state_dict()), path, library=library, sizes=TINY
    ).read_bytes()


def archive(content: bytes, **others: bytes) -> bytes:
    """The archive of 4D-Humans: what else it has comes before the checkpoint."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        members = {"data/smpl_mean_params.npz": b"mean", "logs/train/multiruns/hmr2/0/model_config.yaml": b"MODEL:\n"}
        for name, one in {**members, **others, f"logs/{CHECKPOINT}": content}.items():
            about = tarfile.TarInfo(name)
            about.size = len(one)
            packed.addfile(about, io.BytesIO(one))
    return stream.getvalue()


def smpl_file(folder: Path) -> Path:
    """The body model, as the user gets it by registration."""
    folder.mkdir(parents=True, exist_ok=True)
    return save_published_pickle(made_up_smpl(), folder / "SMPL_NEUTRAL.pkl", protocol=2)


def detector_weights() -> bytes:
    """The file of the stand-in for Mask R-CNN: the outline, in a crop of 256 pixels around the box's middle."""
    body = made_up_smpl()
    points = np.rint(128 + 128 * SCALE * body.template_m[:, :2]).astype(np.int32)
    figure = np.zeros((256, 256), np.uint8)
    for face in body.faces:
        cv2.fillConvexPoly(figure, points[face], 1)
    stream = io.BytesIO()
    torch.save({"figure": torch.from_numpy(figure).float()}, stream)
    return stream.getvalue()


def repositories(folder: Path) -> dict[str, dict[str, bytes]]:
    """Return the hub's repositories: name -> the names and contents of their files, in all forms they come in."""
    tiny_hub.BUILDERS["depth-anything-v1-large"](folder / "depth")
    tiny_hub.BUILDERS["sd2"](folder / "painter")
    depth, painter = files_in(folder / "depth"), files_in(folder / "painter")
    for name in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model"):
        painter[f"{name}.fp16.safetensors"] = painter[f"{name}.bin"] = b"another form, which is not fetched"
    depth["pytorch_model.bin"] = painter["safety_checker/model.safetensors"] = b"not fetched"
    content = checkpoint(folder)
    smpl = {"smpl/SMPL_NEUTRAL.pkl": b"not to be taken from here", "model_config.yaml": b"MODEL:\n"}
    return {DEPTH: depth, PAINTER: painter, MIRROR: {**smpl, "hmr2_data.tar.gz": archive(content)}}
