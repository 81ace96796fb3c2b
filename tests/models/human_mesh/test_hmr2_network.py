import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from safetensors.torch import load_file

from mfh.models.human_mesh.hmr2_checkpoint import network_shapes
from mfh.models.human_mesh.hmr2_network import PUBLISHED, Hmr2Network, NetworkSizes
from mfh.models.human_mesh.smpl_regression import rotations_from_6d
from tests.models.human_mesh.hmr2_fixtures import TINY, published_names, random_network


def test_names_and_shapes_are_the_published_ones():
    assert network_shapes(PUBLISHED) == published_names()


def test_agrees_with_the_published_code(shared_data):
    network = Hmr2Network(TINY)
    network.load_state_dict(load_file(shared_data / "hmr2_parity" / "tiny.safetensors"))
    expected = np.load(shared_data / "hmr2_parity" / "forward.npz")
    crops = torch.from_numpy(expected["input"]).float()
    with torch.inference_mode():
        reading = network.eval()(crops)
        features = network.backbone(crops[:, :, :, 32:-32])
    np.testing.assert_allclose(features.numpy(), expected["features"], atol=1e-4)
    np.testing.assert_allclose(reading.rotations[:, :1].numpy(), expected["global_orient"], atol=1e-4)
    np.testing.assert_allclose(reading.rotations[:, 1:].numpy(), expected["body_pose"], atol=1e-4)
    np.testing.assert_allclose(reading.betas.numpy(), expected["betas"], atol=1e-4)
    np.testing.assert_allclose(reading.cam.numpy(), expected["cam"], atol=1e-4)


def straight_line(w: dict[str, np.ndarray], crop: np.ndarray, sizes: NetworkSizes) -> tuple[np.ndarray, ...]:
    """The network for one crop, step by step in float64, patch by patch and head by head."""

    def norm(x, name, eps):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)

    def gelu(x):
        return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    def attention(q, k, v, heads):
        width = q.shape[-1] // heads
        out = np.zeros_like(q)
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            weights = np.exp(q[:, part] @ k[:, part].T / math.sqrt(width))
            out[:, part] = weights / weights.sum(-1, keepdims=True) @ v[:, part]
        return out

    seen = np.pad(crop[:, :, 32:-32], ((0, 0), (2, 2), (2, 2)))
    tokens = np.zeros((192, sizes.backbone_dim))
    kernel = w["backbone.patch_embed.proj.weight"].reshape(sizes.backbone_dim, -1)
    for row in range(16):
        for column in range(12):
            patch = seen[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            tokens[12 * row + column] = kernel @ patch.ravel() + w["backbone.patch_embed.proj.bias"]
    tokens = tokens + w["backbone.pos_embed"][0, 1:] + w["backbone.pos_embed"][0, 0]
    for k in range(sizes.backbone_depth):
        block = f"backbone.blocks.{k}"
        q, key, v = np.split(linear(norm(tokens, f"{block}.norm1", 1e-6), f"{block}.attn.qkv"), 3, axis=-1)
        tokens = tokens + linear(attention(q, key, v, sizes.backbone_heads), f"{block}.attn.proj")
        hidden = gelu(linear(norm(tokens, f"{block}.norm2", 1e-6), f"{block}.mlp.fc1"))
        tokens = tokens + linear(hidden, f"{block}.mlp.fc2")
    picture = norm(tokens, "backbone.last_norm", 1e-6)

    token = w["smpl_head.transformer.to_token_embedding.bias"] + w["smpl_head.transformer.pos_embedding"][0]
    for k in range(sizes.decoder_depth):
        layer = f"smpl_head.transformer.transformer.layers.{k}"
        q, key, v = np.split(linear(norm(token, f"{layer}.0.norm", 1e-5), f"{layer}.0.fn.to_qkv"), 3, axis=-1)
        token = token + linear(attention(q, key, v, sizes.decoder_heads), f"{layer}.0.fn.to_out.0")
        q = linear(norm(token, f"{layer}.1.norm", 1e-5), f"{layer}.1.fn.to_q")
        key, v = np.split(linear(picture, f"{layer}.1.fn.to_kv"), 2, axis=-1)
        token = token + linear(attention(q, key, v, sizes.decoder_heads), f"{layer}.1.fn.to_out.0")
        hidden = gelu(linear(norm(token, f"{layer}.2.norm", 1e-5), f"{layer}.2.fn.net.0"))
        token = token + linear(hidden, f"{layer}.2.fn.net.3")
    pose = linear(token, "smpl_head.decpose") + w["smpl_head.init_body_pose"]
    betas = linear(token, "smpl_head.decshape") + w["smpl_head.init_betas"]
    cam = linear(token, "smpl_head.deccam") + w["smpl_head.init_cam"]
    rotations = np.zeros((24, 3, 3))
    for joint, six in enumerate(pose.reshape(24, 6)):
        first = six[:3] / np.linalg.norm(six[:3])
        second = six[3:] - first @ six[3:] * first
        second /= np.linalg.norm(second)
        rotations[joint] = np.column_stack([first, second, np.cross(first, second)])
    return rotations, betas[0], cam[0]


def test_forward_is_the_straight_line_computation():
    network = random_network(TINY)
    weights = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}
    crops = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        reading = network(crops)
    for k in range(2):
        rotations, betas, cam = straight_line(weights, crops[k].double().numpy(), TINY)
        np.testing.assert_allclose(reading.rotations[k].numpy(), rotations, atol=1e-4)
        np.testing.assert_allclose(reading.betas[k].numpy(), betas, atol=1e-4)
        np.testing.assert_allclose(reading.cam[k].numpy(), cam, atol=1e-4)


def test_the_outer_columns_of_a_crop_are_not_looked_at():
    network = random_network(TINY)
    crops = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    outside, inside = crops.clone(), crops.clone()
    outside[..., :32] = outside[..., -32:] = 7.0
    inside[..., 32] = 7.0
    with torch.inference_mode():
        cam, cam_outside, cam_inside = (network(x).cam for x in (crops, outside, inside))
    torch.testing.assert_close(cam_outside, cam, rtol=0, atol=0)
    assert (cam_inside - cam).abs().max() > 1e-4


def test_half_precision_reaches_the_backbone_and_not_the_distance():
    network = random_network(TINY)
    crops = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        exact = network(crops)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(crops)
    assert rough.cam.dtype == rough.rotations.dtype == torch.float32
    difference = (rough.cam - exact.cam).abs().max()
    assert 0 < difference < 0.05 * exact.cam.abs().max()


@pytest.mark.slow
@given(st.lists(st.floats(-2, 2), min_size=12, max_size=12))
def test_rotations_are_rotations(numbers):
    six = torch.tensor([numbers], dtype=torch.float64)
    first, second = six.reshape(2, 2, 3).unbind(1)
    assume(torch.linalg.cross(first, second).norm(dim=-1).min() > 1e-2)
    turns = rotations_from_6d(six)[0]
    torch.testing.assert_close(turns @ turns.transpose(1, 2), torch.eye(3, dtype=torch.float64).expand(2, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(2, dtype=torch.float64))
    # The first column keeps its direction.
    torch.testing.assert_close(turns[:, :, 0] * first.norm(dim=-1, keepdim=True), first)


def test_a_quarter_turn_about_the_optical_axis():
    (turn,) = rotations_from_6d(torch.tensor([[0.0, 2.0, 0.0, -3.0, 1.0, 0.0]]))
    expected = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    torch.testing.assert_close(turn, expected)


def test_a_batch_is_each_of_its_crops():
    network = random_network(TINY)
    crops = torch.randn(3, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        together = network(crops)
        alone = [network(crop[None]) for crop in crops]
    for k in range(3):
        torch.testing.assert_close(together.cam[k], alone[k].cam[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(together.rotations[k], alone[k].rotations[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("part", ["backbone.pos_embed", "smpl_head.init_cam"])
def test_every_number_counts(part):
    network = random_network(TINY)
    crops = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        before = network(crops).cam
        network.state_dict()[part].view(-1)[0] += 1.0
        assert (network(crops).cam - before).abs().max() > 1e-6
