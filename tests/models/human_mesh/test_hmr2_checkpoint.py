import dataclasses
import json
import os
import pickle
import re
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from mfh.errors import InputError, WeightsError
from mfh.models.human_mesh.hmr2_checkpoint import (
    SIZES_KEY,
    check_names,
    convert_hmr2_checkpoint,
    load_network,
    network_shapes,
    read_checkpoint,
)
from mfh.models.human_mesh.hmr2_network import PUBLISHED
from tests.models.human_mesh.hmr2_fixtures import TINY, published_names, random_network, save_training_checkpoint


@pytest.mark.slow
def test_a_full_size_checkpoint_with_the_published_names_loads(tmp_path):
    # One number stands for all of a tensor's: full shapes, a small file.
    state = {
        name: torch.full((1,), 0.001 * k).expand(shape) for k, (name, shape) in enumerate(published_names().items())
    }
    path = save_training_checkpoint(state, tmp_path / "epoch=35-step=1000000.ckpt")
    assert path.stat().st_size < 5e6
    found = read_checkpoint(path)
    check_names(found, PUBLISHED, label="it")
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == published_names()
    for k, name in enumerate(published_names()):
        assert found[name].dtype == torch.float32
        assert found[name].flatten()[-1] == pytest.approx(0.001 * k)


@pytest.mark.slow
def test_converted_numbers_are_the_checkpoints(tmp_path):
    network = random_network(TINY)
    state = dict(network.state_dict())
    # As training leaves some: parameters, not contiguous, and parts of a common storage.
    name = "backbone.blocks.0.attn.proj.weight"
    state[name] = torch.nn.Parameter(state[name].T.contiguous().T)
    both = torch.cat([state["smpl_head.init_cam"], state["smpl_head.init_cam"] + 1])
    state["smpl_head.init_cam"] = both[1:]
    source = save_training_checkpoint(state, tmp_path / "epoch=35-step=1000000.ckpt")
    written = convert_hmr2_checkpoint(source, tmp_path / "new" / "hmr2.safetensors", sizes=TINY)
    converted = load_file(written)
    assert converted.keys() == state.keys()
    for key, tensor in state.items():
        assert torch.equal(converted[key], tensor), key
    crops = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    network.load_state_dict(state)
    loaded = load_network(written)
    with torch.inference_mode():
        assert torch.equal(loaded(crops).cam, network(crops).cam)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["hmr2.safetensors"]


@pytest.mark.slow
def test_half_precision_is_read_as_single(tmp_path):
    state = {name: tensor.bfloat16() for name, tensor in random_network(TINY).state_dict().items()}
    source = save_training_checkpoint(state, tmp_path / "a.ckpt")
    network = load_network(convert_hmr2_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY))
    found = network.state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    assert torch.equal(found["backbone.pos_embed"], state["backbone.pos_embed"].float())


class _Bomb:
    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self):
        return os.system, (self._command,)


def test_runs_nothing_that_a_checkpoint_asks_for(tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "a.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": _Bomb(f"touch {mark}")}, path)
    with pytest.raises(
        WeightsError, match=r"a\.ckpt wants to load posix\.system, which is no part of a model: refused"
    ):
        convert_hmr2_checkpoint(path, tmp_path / "a.safetensors")
    assert not mark.exists() and not (tmp_path / "a.safetensors").exists()


def test_a_class_of_another_package_is_refused_by_name(tmp_path):
    path = save_training_checkpoint({}, tmp_path / "a.ckpt", config_class="surprise.config.Node")
    with pytest.raises(WeightsError, match=r"wants to load surprise\.config\.Node"):
        read_checkpoint(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("smpl_head.deccam.bias"), r"has no smpl_head\.deccam\.bias: expected \(3,\)"),
        (
            lambda s: s.update({"smpl_head.decpose_grot.weight": torch.zeros(6, 64)}),
            "has smpl_head.decpose_grot.weight",
        ),
        (
            lambda s: s.update({"backbone.pos_embed": torch.zeros(1, 197, 64)}),
            r"backbone\.pos_embed in .* is \(1, 197, 64\), expected \(1, 193, 64\)",
        ),
        (lambda s: s.update({"backbone.note": "text"}), r"backbone\.note in .* is no tensor"),
    ],
)
def test_another_models_checkpoint_is_refused(tmp_path, change, message):
    state = dict(random_network(TINY).state_dict())
    change(state)
    source = save_training_checkpoint(state, tmp_path / "a.ckpt")
    with pytest.raises(WeightsError, match=message) as caught:
        convert_hmr2_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.safetensors").exists()


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no file .*nowhere\.ckpt: expected the HMR 2\.0 checkpoint"):
        convert_hmr2_checkpoint(tmp_path / "nowhere.ckpt", tmp_path / "a.safetensors")
    text = tmp_path / "page.ckpt"
    text.write_text("<html>not found</html>")
    with pytest.raises(WeightsError, match="is not a checkpoint"):
        read_checkpoint(text)
    archive = tmp_path / "some.ckpt"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="holds 0 pickles"):
        read_checkpoint(archive)
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(WeightsError, match="has no state_dict"):
        read_checkpoint(tmp_path / "list.ckpt")


def _rewritten(source, target, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(tmp_path):
    source = save_training_checkpoint(dict(random_network(TINY).state_dict()), tmp_path / "a.ckpt")
    gone = _rewritten(source, tmp_path / "gone.ckpt", lambda n, c: None if n.endswith("/data/0") else c)
    with pytest.raises(WeightsError, match=r"is incomplete \(no .*/data/0\): download it again"):
        read_checkpoint(gone)
    short = _rewritten(source, tmp_path / "short.ckpt", lambda n, c: c[:64] if n.endswith("/data/0") else c)
    with pytest.raises(WeightsError, match="a tensor reaches beyond its 16 numbers"):
        read_checkpoint(short)
    swapped = _rewritten(source, tmp_path / "big.ckpt", lambda n, c: b"big" if n.endswith("/byteorder") else c)
    with pytest.raises(WeightsError, match="big-endian"):
        read_checkpoint(swapped)
    broken = _rewritten(source, tmp_path / "broken.ckpt", lambda n, c: c[:-40] if n.endswith("data.pkl") else c)
    with pytest.raises(WeightsError, match=r"broken\.ckpt is damaged .*it ends where"):
        read_checkpoint(broken)


def test_a_tensor_outside_its_storage_is_refused(tmp_path):
    """A forged pickle cannot read memory that is not the tensor's."""
    source = save_training_checkpoint({"backbone.x": torch.zeros(4)}, tmp_path / "a.ckpt")
    # (4,) becomes (104,): K\x04\x85 is the pickle of the one-tuple.
    forged = _rewritten(
        source, tmp_path / "b.ckpt", lambda n, c: c.replace(b"K\x04\x85", b"K\x68\x85") if n.endswith("data.pkl") else c
    )
    assert forged.read_bytes() != source.read_bytes()
    with pytest.raises(WeightsError, match="a tensor reaches beyond its 4 numbers"):
        read_checkpoint(forged)


def test_a_network_file_of_another_model_is_refused(tmp_path):
    path = tmp_path / "hmr2.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"has no backbone\.pos_embed: expected \(1, 193, 1280\)"):
        load_network(path)
    path.write_bytes(b"not safetensors at all, not by any means")
    with pytest.raises(WeightsError, match=r"hmr2\.safetensors is damaged .*run that again"):
        load_network(path)


def test_what_is_dropped_stays_out_of_the_network_file(tmp_path):
    source = save_training_checkpoint(dict(random_network(TINY).state_dict()), tmp_path / "a.ckpt")
    names = load_file(convert_hmr2_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY))
    assert not [name for name in names if re.match(r"smpl\.|discriminator|initialized", name)]


def test_every_pickled_reference_is_understood_or_refused(tmp_path):
    """A storage reference of an unknown kind does not become a tensor."""
    stream = pickle.dumps({"state_dict": {}})
    archive = tmp_path / "a.ckpt"
    with zipfile.ZipFile(archive, "w") as file:
        # ("storage", "cpu", ...) where a storage class should be.
        file.writestr("a/data.pkl", b"\x80\x02(X\x07\x00\x00\x00storageX\x03\x00\x00\x00cpuX\x01\x00\x00\x000tQ.")
    with pytest.raises(WeightsError, match="a reference to something outside that is no storage"):
        read_checkpoint(archive)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/data.pkl", stream)
    assert read_checkpoint(archive) == {}


def _tensors(tmp_path, pickled: bytes, **members: bytes):
    """A checkpoint with a pickle of our own."""
    path = tmp_path / "forged.ckpt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", pickled)
        for name, content in ({"0": bytes(16)} | members).items():
            file.writestr(f"a/data/{name}", content)
    return path


def _tensor(*, shape: bytes = b"(I4\nt", strides: bytes = b"(I1\nt", offset: bytes = b"I0\n", key: bytes = b"S'0'\n"):
    storage = b"(S'storage'\nctorch\nFloatStorage\n" + key + b"S'cpu'\nI4\ntQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + strides + b"I00\nNtR"


def _state(tensor: bytes) -> bytes:
    return b"}S'state_dict'\n}S'backbone.x'\n" + tensor + b"ss."


def test_a_checkpoint_written_by_hand_is_read(tmp_path):
    assert read_checkpoint(_tensors(tmp_path, _state(_tensor())))["backbone.x"].tolist() == [0.0] * 4
    turned = _tensor(shape=b"(I2\nI2\nt", strides=b"(I1\nI2\nt")
    numbers = torch.arange(4.0).numpy().tobytes()
    found = read_checkpoint(_tensors(tmp_path, _state(turned), **{"0": numbers}))["backbone.x"]
    assert found.tolist() == [[0.0, 2.0], [1.0, 3.0]]


HUGE = b"L" + b"9" * 40 + b"L\n"


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"shape": b"(" + side + b"t"}
            for side in (b"I-4\n", b"I1000000000000\n", HUGE, b"F4\n", b"N", b"S'4'\n", b"I01\n")
        ),
        *({"strides": b"(" + step + b"t"} for step in (b"I-1\n", HUGE, b"F1\n", b"N", b"]", b"")),
        *({"offset": offset} for offset in (b"I-1\n", HUGE, b"F1\n", b"N", b"]", b"I01\n")),
        *({"key": key} for key in (b"N", b"]", b"F1\n", b"S'../../x'\n", b"S'nowhere'\n")),
        {"shape": b"N"},
        {"strides": b"I1\n"},
        {"shape": b"(I2\nI2\nI2\nI2\nI2\nI2\nI2\nI2\nI2\nt"},
        {"shape": b"(I10000000\nI10000000\nt", "strides": b"(I0\nI0\nt"},
    ],
)
def test_a_tensor_that_does_not_fit_its_file_is_one_line(tmp_path, change):
    with pytest.raises(WeightsError, match=r"forged\.ckpt is (damaged|incomplete)") as caught:
        read_checkpoint(_tensors(tmp_path, _state(_tensor(**change))))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pickled",
    [
        _state(b"ctorch._utils\n_rebuild_tensor_v2\n(NI0\n(I4\nt(I1\ntI00\nNtR"),
        _state(b"ctorch._utils\n_rebuild_tensor_v2\n(tR"),
        _state(b"ctorch._utils\n_rebuild_parameter\n(NI0\ntR"),
        _state(b"(S'storage'\ntQ"),
        _state(b"NQ"),
        _state(b"(S'other'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ"),
        b"}S'state_dict'\n}I5\n" + _tensor() + b"ss.",
        b"}S'state_dict'\n]s.",
        b"]q\x00h\x00a.",
    ],
)
def test_what_is_no_state_of_a_network_is_one_line(tmp_path, pickled):
    with pytest.raises(WeightsError, match=r"forged\.ckpt") as caught:
        read_checkpoint(_tensors(tmp_path, pickled))
    assert "\n" not in str(caught.value)


def test_no_more_is_read_than_the_file_has(tmp_path):
    one = b"S'backbone.%d'\n" + _tensor(shape=b"(I250000\nt")
    many = b"}S'state_dict'\n}(" + b"".join(one.replace(b"%d", b"%d" % k) for k in range(200)) + b"us."
    with pytest.raises(WeightsError, match="its tensors take far more numbers than it has"):
        read_checkpoint(_tensors(tmp_path, many, **{"0": bytes(1_000_000)}))


@pytest.mark.slow
def test_an_archive_that_unpacks_to_more_than_it_has_is_refused(tmp_path):
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", _state(_tensor()))
        file.writestr("a/data/0", bytes(100_000_000))
    with pytest.raises(WeightsError, match=r"it unpacks to 100,\d+,\d+ bytes, \d+,\d{3} at most are read"):
        read_checkpoint(path)


def test_numbers_that_one_number_stands_for_are_not_written_out(tmp_path):
    state = {name: torch.zeros(1).expand(shape) for name, shape in network_shapes(TINY).items()}
    source = save_training_checkpoint(state, tmp_path / "a.ckpt")
    with pytest.raises(WeightsError, match="is far smaller than its tensors"):
        convert_hmr2_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


@pytest.mark.slow
def test_a_file_that_is_there_stays(tmp_path):
    source = save_training_checkpoint(dict(random_network(TINY).state_dict()), tmp_path / "a.ckpt")
    before = source.read_bytes()
    place = convert_hmr2_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY)
    written = place.stat()
    assert (
        convert_hmr2_checkpoint(source, place, sizes=TINY) == place and place.stat().st_mtime_ns == written.st_mtime_ns
    )
    other = save_training_checkpoint(dict(random_network(TINY, seed=1).state_dict()), tmp_path / "b.ckpt")
    (tmp_path / "mine.txt").write_text("mine")
    for there in (place, tmp_path / "mine.txt", other):
        content = there.read_bytes()
        with pytest.raises(InputError, match="is there already, and is another network or none: move it away|itself"):
            convert_hmr2_checkpoint(other, there, sizes=TINY)
        assert there.read_bytes() == content
    (tmp_path / "link.safetensors").symlink_to(source)
    (tmp_path / "folder").mkdir()
    for there in ("link.safetensors", "folder", "a.ckpt"):
        with pytest.raises(InputError, match="is the checkpoint itself|is no file"):
            convert_hmr2_checkpoint(source, tmp_path / there, sizes=TINY)
    assert source.read_bytes() == before


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    import safetensors.torch

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    source = save_training_checkpoint(dict(random_network(TINY).state_dict()), tmp_path / "a.ckpt")
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(InputError, match=r"cannot write .*\.safetensors: No space left on device"):
        convert_hmr2_checkpoint(source, tmp_path / "a.safetensors", sizes=TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


SIZES = dataclasses.asdict(TINY)


@pytest.mark.parametrize(
    "written",
    [
        *("{bad", "", "null", "[]", "5", "{}", "[" * 100_000, '{"backbone_dim": 64}'),
        json.dumps({**SIZES, "more": 1}),
        *(
            json.dumps({**SIZES, "backbone_depth": value})
            for value in (10**9, 10**30, 0, -1, 1.5, "3", None, True, [3])
        ),
        *(json.dumps({**SIZES, "backbone_dim": value}) for value in (10**12, 0, 63)),
        json.dumps({**SIZES, "decoder_heads": 60_000, "decoder_head_dim": 60_000}),
        json.dumps({**SIZES, "backbone_heads": 0}),
        json.dumps({**SIZES, "decoder_depth": 3}),
    ],
)
def test_sizes_that_are_none_are_not_believed(tmp_path, written):
    save_file(dict(random_network(TINY).state_dict()), tmp_path / "a.safetensors", metadata={SIZES_KEY: written})
    with pytest.raises(WeightsError, match=r"a\.safetensors") as caught:
        load_network(tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_checkpoint_and_no_network(tmp_path):
    for read in (read_checkpoint, load_network):
        with pytest.raises(WeightsError, match="is a folder: expected"):
            read(tmp_path)
        with pytest.raises(WeightsError, match="no such file"):
            read(tmp_path / "nowhere")
