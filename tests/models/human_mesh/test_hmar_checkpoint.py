import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mfh.errors import InputError, WeightsError
from mfh.models.human_mesh.hmar_checkpoint import convert_hmar_checkpoint, load_network, network_shapes
from mfh.models.human_mesh.hmar_network import HmarSizes
from tests.models.human_mesh.hmar_fixtures import (
    PREFIX,
    TINY,
    random_network,
    save_means,
    save_phalp,
    save_t3dp,
    seeded_state,
)
from tests.models.human_mesh.smpl_fixtures import Bomb


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return seeded_state(network_shapes(TINY))


def _refused(source, tmp_path, **options) -> str:
    with pytest.raises(WeightsError) as caught:
        convert_hmar_checkpoint(source, tmp_path / "new.safetensors", sizes=TINY, **options)
    assert "\n" not in str(caught.value) and not (tmp_path / "new.safetensors").exists()
    return str(caught.value)


@pytest.mark.parametrize("archived", [True, False])
def test_the_published_layout_is_converted(tmp_path, state, archived):
    source = save_phalp(state, tmp_path / "hmar_v2_weights.pth", archived=archived)
    written = convert_hmar_checkpoint(source, tmp_path / "new" / "hmar.safetensors", sizes=TINY)
    found = load_file(written)
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(found[name], tensor), name
    network, crops = load_network(written), torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 256, 256)
    assert network.takes_masks and not any(parameter.requires_grad for parameter in network.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(network(crops, mask).cam, random_network()(crops, mask).cam)


def test_any_prefix_is_found_by_the_names(tmp_path, state):
    for prefix in ("", "x.", "module.hmar."):
        source = tmp_path / f"{len(prefix)}.pth"
        torch.save({"model": {f"{prefix}{name}": tensor for name, tensor in state.items()}}, source)
        written = convert_hmar_checkpoint(source, tmp_path / f"{len(prefix)}.safetensors", sizes=TINY)
        assert load_file(written).keys() == state.keys() and load_network(written).takes_masks


def test_t3dp_takes_no_mask_and_loses_its_loss(tmp_path, state):
    written = convert_hmar_checkpoint(
        save_t3dp(state, tmp_path / "t3dp_hmar.pt"), tmp_path / "a.safetensors", sizes=TINY
    )
    assert load_file(written).keys() == state.keys()
    assert not load_network(written).takes_masks


def test_means_come_from_the_file_that_is_published_beside_them(tmp_path, state):
    weights, means = tmp_path / "phalp" / "weights", tmp_path / "phalp" / "3D"
    weights.mkdir(parents=True)
    means.mkdir()
    source = save_phalp(state, weights / "hmar_v2_weights.pth", drop=("init_body_pose", "init_betas", "init_cam"))
    message = _refused(source, tmp_path)
    assert "has no smpl_head.init_body_pose, and there is no " in message
    assert str(weights / "smpl_mean_params.npz") in message and "--means" in message
    own = save_means(state, means)
    elsewhere = own.rename(tmp_path / "mine.npz")
    for k, options in enumerate(({"means": elsewhere}, {}, {})):
        if k == 1:
            elsewhere.rename(means / own.name)
        if k == 2:
            (means / own.name).rename(weights / own.name)
        written = convert_hmar_checkpoint(source, tmp_path / f"{k}.safetensors", sizes=TINY, **options)
        for name in ("init_body_pose", "init_betas", "init_cam"):
            assert torch.equal(load_file(written)[f"smpl_head.{name}"], state[f"smpl_head.{name}"])


def test_means_in_the_checkpoint_are_not_replaced(tmp_path, state):
    source = save_phalp(state, tmp_path / "a.pth", drop=("init_cam",))
    save_means({name: tensor + 1 for name, tensor in state.items()}, tmp_path)
    found = load_file(convert_hmar_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY))
    assert torch.equal(found["smpl_head.init_betas"], state["smpl_head.init_betas"])
    assert torch.equal(found["smpl_head.init_cam"], state["smpl_head.init_cam"] + 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", r"mine\.npz is damaged or of another kind"),
        ({"pose": np.zeros(144)}, "it has no shape, cam"),
        (
            {"pose": np.zeros(72), "shape": np.zeros(10), "cam": np.zeros(3)},
            r"smpl_head\.init_body_pose in .* is \(1, 72\), expected \(1, 144\)",
        ),
    ],
)
def test_means_of_another_kind_are_refused(tmp_path, state, content, message):
    source = save_phalp(state, tmp_path / "a.pth", drop=("init_body_pose", "init_betas", "init_cam"))
    if isinstance(content, bytes):
        (tmp_path / "mine.npz").write_bytes(content)
    else:
        np.savez(tmp_path / "mine.npz", **content)
    assert re.search(message, _refused(source, tmp_path, means=tmp_path / "mine.npz"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.pop(f"{PREFIX}backbone.layer3.5.bn2.running_var"),
            r"has no backbone\.layer3\.5\.bn2\.running_var",
        ),
        (lambda s: s.pop(f"{PREFIX}backbone.conv1.weight"), r"has no backbone\.conv1\.weight under any prefix"),
        (
            lambda s: s.update({f"{PREFIX}smplx_head.fc1.weight": torch.zeros(64, 9)}),
            r"smpl_head\.fc1\.weight in .* is \(64, 9\), expected \(64, 413\)",
        ),
        (lambda s: s.update({f"{PREFIX}smplx_head.fc1.bias": "text"}), r"smpl_head\.fc1\.bias in .* is no tensor"),
    ],
)
def test_another_models_checkpoint_is_refused(tmp_path, state, change, message):
    content = torch.load(save_phalp(state, tmp_path / "whole.pth"), weights_only=True)
    change(content["model"])
    torch.save(content, tmp_path / "a.pth")
    assert re.search(message, _refused(tmp_path / "a.pth", tmp_path))


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"no file .*nowhere\.pth: expected the HMAR checkpoint \(hmar_v2_weights\.pth\)"
    ):
        convert_hmar_checkpoint(tmp_path / "nowhere.pth", tmp_path / "new.safetensors")
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    assert "is not a checkpoint" in _refused(tmp_path / "page.pth", tmp_path)
    for content in ([1, 2], {"state_dict": {}}, {"model": [1]}):
        torch.save(content, tmp_path / "some.pth")
        assert "has no model: expected the HMAR checkpoint" in _refused(tmp_path / "some.pth", tmp_path)


@pytest.mark.parametrize("archived", [True, False])
def test_runs_nothing_that_a_checkpoint_asks_for(tmp_path, state, archived):
    mark = tmp_path / "ran"
    source = save_phalp(state, tmp_path / "a.pth", archived=archived, args=Bomb(f"touch {mark}"))
    assert "wants to load posix.system, which is no part of a model: refused" in _refused(source, tmp_path)
    assert not mark.exists()


def test_settings_of_the_training_become_placeholders(tmp_path, state):
    from argparse import Namespace

    source = save_phalp(state, tmp_path / "a.pth", args=Namespace(lr=1e-4), optimizer={"state": {0: torch.zeros(2)}})
    assert convert_hmar_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY).is_file()


def test_sizes_that_are_none_are_not_believed(tmp_path, state):
    for sizes in (HmarSizes(8, 64, inputs=3), HmarSizes(1 << 11, 64)):
        with pytest.raises(WeightsError):
            convert_hmar_checkpoint(save_phalp(state, tmp_path / "a.pth"), tmp_path / "a.safetensors", sizes=sizes)
            load_network(tmp_path / "a.safetensors")
        (tmp_path / "a.safetensors").unlink(missing_ok=True)
