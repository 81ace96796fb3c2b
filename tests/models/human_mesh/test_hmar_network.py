import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mfh.models.human_mesh.hmar_checkpoint import network_shapes
from mfh.models.human_mesh.hmar_network import PUBLISHED, HmarNetwork, HmarSizes, person_grid
from tests.models.human_mesh.hmar_fixtures import TINY, random_network, seeded_state


def _crops(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 3, 256, 256, generator=torch.Generator().manual_seed(seed))


def _masks(count: int) -> torch.Tensor:
    masks = torch.zeros(count, 256, 256, dtype=torch.uint8)
    for k in range(count):
        masks[k, 40 + 10 * k : 220, 70:150] = 255
    return masks


def resnet_names() -> dict[str, tuple[int, ...]]:
    """Names and shapes of a ResNet-50 without its classifier, written out by hand."""
    names: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            names[f"{name}.{part}"] = (channels,)

    names["conv1.weight"] = (64, 3, 7, 7)
    norm("bn1", 64)
    wide = 64
    for stage, (blocks, inner) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
        for k in range(blocks):
            block = f"layer{stage}.{k}"
            for number, shape in enumerate(((inner, wide, 1, 1), (inner, inner, 3, 3), (4 * inner, inner, 1, 1)), 1):
                names[f"{block}.conv{number}.weight"] = shape
                norm(f"{block}.bn{number}", shape[0])
            if k == 0:
                names[f"{block}.downsample.0.weight"] = (4 * inner, wide, 1, 1)
                norm(f"{block}.downsample.1", 4 * inner)
            wide = 4 * inner
    return names


def test_names_and_shapes_are_the_published_ones():
    head = {
        "fc1": (1024, 2205),
        "fc2": (1024, 1024),
        "decpose": (144, 1024),
        "decshape": (10, 1024),
        "deccam": (3, 1024),
    }
    expected = {f"backbone.{name}": shape for name, shape in resnet_names().items()}
    expected |= {f"smpl_head.{name}.weight": shape for name, shape in head.items()}
    expected |= {f"smpl_head.{name}.bias": shape[:1] for name, shape in head.items()}
    expected |= {f"smpl_head.init_{name}": (1, size) for name, size in (("body_pose", 144), ("betas", 10), ("cam", 3))}
    assert network_shapes(PUBLISHED) == expected


def test_every_name_that_a_mesh_needs_is_the_networks(shared_data):
    rows = (shared_data / "hmar_parity" / "names.tsv").read_text().splitlines()[1:]
    needed = {
        name: tuple(int(side) for side in shape.split("x"))
        for name, shape, _, needed in (row.split("\t") for row in rows)
        if needed == "yes"
    }
    assert network_shapes(PUBLISHED) == needed


def _agrees(reading, expected, where: str = "") -> None:
    names = {"global_orient": reading.rotations[:, :1], "body_pose": reading.rotations[:, 1:]}
    names |= {"betas": reading.betas, "cam": reading.cam}
    for name, tensor in names.items():
        np.testing.assert_allclose(tensor.numpy(), expected[name], atol=1e-4, err_msg=f"{name} {where}")


def test_agrees_with_the_published_code(shared_data):
    network = HmarNetwork(TINY)
    network.load_state_dict(load_file(shared_data / "hmar_parity" / "tiny.safetensors"))
    expected = np.load(shared_data / "hmar_parity" / "forward.npz")
    crops, masks = torch.from_numpy(expected["input"]).float(), torch.from_numpy(expected["mask"])
    with torch.inference_mode():
        features = network.eval().backbone(crops)
        pooled = network.pooled(crops, masks)
        steps = list(network.smpl_head(pooled))
        _agrees(network(crops, masks), expected)
    masked = features * person_grid(masks)[:, None]
    np.testing.assert_allclose(features.numpy(), expected["unmasked_features"], atol=1e-4)
    np.testing.assert_allclose(masked.numpy(), expected["features"], atol=1e-4)
    np.testing.assert_allclose(pooled.numpy(), expected["pooled"], atol=1e-4)
    assert len(steps) == 3
    for k, step in enumerate(steps):
        np.testing.assert_allclose(step.rotations[:, 1:].numpy(), expected["step_body_pose"][k], atol=1e-4)
        np.testing.assert_allclose(step.betas.numpy(), expected["step_betas"][k], atol=1e-4)
        np.testing.assert_allclose(step.cam.numpy(), expected["step_cam"][k], atol=1e-4)


@pytest.mark.slow
def test_agrees_with_the_published_class_at_its_own_size(shared_data):
    network = random_network(PUBLISHED)
    expected = np.load(shared_data / "hmar_parity" / "published_size.npz")
    crops = torch.from_numpy(np.load(shared_data / "hmar_parity" / "forward.npz")["input"]).float()
    masks = torch.from_numpy(expected["mask"])
    with torch.inference_mode():
        features = network.backbone(crops) * person_grid(masks)[:, None]
        pooled = network.pooled(crops, masks)
        _agrees(network(crops, masks), expected, "at published size")
    np.testing.assert_allclose(features[:, :32].numpy(), expected["features_first"], atol=1e-4)
    np.testing.assert_allclose(pooled.numpy(), expected["pooled"], atol=1e-4)


def straight_line(w: dict[str, np.ndarray], crop: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, ...]:
    """The network for one crop, step by step in float64: windows, sums and maxima."""

    def windows(x, side, stride, padding, fill):
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)), constant_values=fill)
        return np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]

    def conv(x, name, stride=1):
        kernel = w[f"{name}.weight"]
        side = kernel.shape[-1]
        return np.tensordot(kernel, windows(x, side, stride, side // 2, 0.0), axes=((1, 2, 3), (0, 3, 4)))

    def norm(x, name):
        scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + 1e-5)
        return (x - w[f"{name}.running_mean"][:, None, None]) * scale[:, None, None] + w[f"{name}.bias"][:, None, None]

    def linear(x, name):
        return x @ w[f"smpl_head.{name}.weight"].T + w[f"smpl_head.{name}.bias"]

    x = np.maximum(norm(conv(crop, "backbone.conv1", 2), "backbone.bn1"), 0)
    x = windows(x, 3, 2, 1, -np.inf).max((3, 4))
    for stage, blocks in enumerate((3, 4, 6, 3), 1):
        for k in range(blocks):
            block, stride = f"backbone.layer{stage}.{k}", 2 if stage > 1 and k == 0 else 1
            y = np.maximum(norm(conv(x, f"{block}.conv1"), f"{block}.bn1"), 0)
            y = np.maximum(norm(conv(y, f"{block}.conv2", stride), f"{block}.bn2"), 0)
            y = norm(conv(y, f"{block}.conv3"), f"{block}.bn3")
            short = norm(conv(x, f"{block}.downsample.0", stride), f"{block}.downsample.1") if k == 0 else x
            x = np.maximum(y + short, 0)
    seen = np.array([[mask[32 * i : 32 * i + 32, 32 * j : 32 * j + 32].any() for j in range(8)] for i in range(8)])
    pooled = (x * seen).reshape(len(x), -1).max(1)
    pose, betas, cam = (w[f"smpl_head.init_{name}"][0] for name in ("body_pose", "betas", "cam"))
    for _ in range(3):
        hidden = np.maximum(linear(np.concatenate([pooled, pose, betas, cam]), "fc1"), 0)
        hidden = np.maximum(linear(hidden, "fc2"), 0)
        pose, betas, cam = (
            value + linear(hidden, name) for value, name in ((pose, "decpose"), (betas, "decshape"), (cam, "deccam"))
        )
    return pose, betas, cam


def test_forward_is_the_straight_line_computation():
    network = random_network()
    weights = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}
    crops, masks = _crops(2), _masks(2)
    with torch.inference_mode():
        reading = network(crops, masks)
    for k in range(2):
        pose, betas, cam = straight_line(weights, crops[k].double().numpy(), masks[k].numpy())
        np.testing.assert_allclose(reading.betas[k].numpy(), betas, atol=1e-4)
        np.testing.assert_allclose(reading.cam[k].numpy(), cam, atol=1e-4)
        # The first column of every rotation keeps the direction of its three numbers.
        first = pose.reshape(24, 2, 3)[:, 0]
        first /= np.linalg.norm(first, axis=-1, keepdims=True)
        np.testing.assert_allclose(reading.rotations[k, :, :, 0].numpy(), first, atol=1e-4)


def test_a_single_pixel_of_the_mask_makes_its_cell_count():
    masks = torch.zeros(1, 256, 256, dtype=torch.uint8)
    masks[0, 31, 32], masks[0, 255, 0] = 1, 255
    grid = person_grid(masks)
    assert grid.dtype == torch.bool and grid.nonzero().tolist() == [[0, 0, 1], [0, 7, 0]]
    assert not person_grid(torch.zeros(1, 256, 256)).any()


def test_features_beyond_the_mask_do_not_count():
    network, crops = random_network(), _crops(1)
    with torch.inference_mode():
        features = network.backbone(crops)[0].numpy()
        one = torch.zeros(1, 256, 256, dtype=torch.uint8)
        one[0, 100, 200] = 255
        np.testing.assert_array_equal(network.pooled(crops, one)[0].numpy(), features[:, 3, 6])
        everywhere = network.pooled(crops, torch.ones(1, 256, 256))[0].numpy()
    np.testing.assert_array_equal(everywhere, features.reshape(len(features), -1).max(1))


def test_the_network_without_masks_ignores_them():
    network = random_network(HmarSizes(width=8, hidden_dim=64, inputs=1))
    crops = _crops(1)
    with torch.inference_mode():
        cams = [network(crops, mask).cam for mask in (torch.zeros(1, 256, 256), _masks(1))]
        whole = random_network()(crops, torch.ones(1, 256, 256)).cam
    assert not network.takes_masks
    assert torch.equal(cams[0], cams[1]) and torch.equal(cams[0], whole)


def test_a_batch_is_each_of_its_crops():
    network, crops, masks = random_network(), _crops(3, seed=2), _masks(3)
    with torch.inference_mode():
        together = network(crops, masks)
        alone = [network(crop[None], mask[None]) for crop, mask in zip(crops, masks, strict=True)]
    for k in range(3):
        torch.testing.assert_close(together.cam[k], alone[k].cam[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(together.rotations[k], alone[k].rotations[0], rtol=1e-5, atol=1e-5)
    assert (together.cam[0] - together.cam[1]).abs().max() > 1e-3


def test_half_precision_reaches_the_backbone_and_not_the_distance():
    network, crops, masks = random_network(), _crops(2), _masks(2)
    with torch.inference_mode():
        exact = network(crops, masks)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(crops, masks)
    assert rough.cam.dtype == rough.rotations.dtype == torch.float32
    assert 0 < (rough.cam - exact.cam).abs().max() < 0.1 * exact.cam.abs().max()


@pytest.mark.slow
def test_every_tensor_counts():
    network, crops, masks = random_network(), _crops(1), _masks(1)
    state = network.state_dict()
    assert state.keys() == seeded_state(network_shapes(TINY)).keys()
    with torch.inference_mode():
        before = network(crops, masks)
        for name, tensor in state.items():
            kept = tensor.clone()
            tensor.mul_(1.5).add_(0.1)
            after = network(crops, masks)
            tensor.copy_(kept)
            change = max(
                (getattr(after, one) - getattr(before, one)).abs().max() for one in ("rotations", "betas", "cam")
            )
            assert change > 1e-6, name
