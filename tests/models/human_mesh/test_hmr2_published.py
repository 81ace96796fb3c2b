"""Checkpoints of HMR 2.0 as the published code writes them, with the configuration of either library in them."""

import io
import pickle
import pickletools
import zipfile

import pytest
import torch
from safetensors.torch import load_file

from mfh.errors import WeightsError
from mfh.models.human_mesh.hmr2_checkpoint import convert_hmr2_checkpoint, read_checkpoint, sizes_of
from mfh.models.human_mesh.hmr2_network import PUBLISHED
from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint
from tests.models.human_mesh.smpl_fixtures import foreign_classes
from tests.models.human_mesh.training_configs import (
    OMEGACONF,
    OMEGACONF_CLASSES,
    YACS,
    YACS_CLASSES,
    omegaconf_config,
    yacs_config,
)


def globals_of(checkpoint: bytes) -> set[str]:
    """Return the "module name" pairs that a checkpoint's pickle asks for."""
    with zipfile.ZipFile(io.BytesIO(checkpoint)) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith("/data.pkl")]
        content = archive.read(name)
    return {argument for operation, argument, _ in pickletools.genops(content) if operation.name == "GLOBAL"}


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("classes", "make", "expected"),
    [(YACS_CLASSES, yacs_config, YACS), (OMEGACONF_CLASSES, omegaconf_config, OMEGACONF)],
)
def test_the_stand_ins_are_pickled_as_the_libraries_are(classes, make, expected):
    with foreign_classes(classes) as made:
        assert globals_of(saved(make(made))) == expected


def test_the_libraries_themselves_are_pickled_that_way(tmp_path):
    """Where they are installed: the names above are theirs, and both are read."""
    omegaconf = pytest.importorskip("omegaconf")
    config = pytest.importorskip("yacs.config")
    values = {"MODEL": {"IMAGE_SIZE": 256, "MEAN": [0.485]}, "SMPL": {"GENDER": "neutral"}}
    theirs = {
        "omegaconf": omegaconf.OmegaConf.create(values),
        "yacs": config.CfgNode({name: config.CfgNode(value) for name, value in values.items()}),
    }
    for name, known in (("omegaconf", OMEGACONF), ("yacs", YACS)):
        content = saved({"state_dict": {}, "hyper_parameters": {"cfg": theirs[name]}})
        assert globals_of(content) <= known
        (tmp_path / name).write_bytes(content)
        assert read_checkpoint(tmp_path / name) == {}


@pytest.mark.parametrize("library", ["yacs", "omegaconf"])
def test_a_checkpoint_with_either_configuration_converts(tmp_path, library):
    state = dict(random_network(TINY).state_dict())
    source = save_training_checkpoint(state, tmp_path / "epoch=35-step=1000000.ckpt", library=library)
    assert any(library in name for name in globals_of(source.read_bytes()))
    converted = load_file(convert_hmr2_checkpoint(source, tmp_path / "hmr2.safetensors", sizes=TINY))
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[name], tensor) for name, tensor in state.items())


def test_a_checkpoint_may_state_sizes_of_its_own_and_must_else_have_the_published_ones(tmp_path):
    state = dict(random_network(TINY).state_dict())
    source = save_training_checkpoint(state, tmp_path / "a.ckpt", sizes=TINY)
    written = convert_hmr2_checkpoint(source, tmp_path / "a.safetensors")
    assert sizes_of(written) == TINY != PUBLISHED
    silent = save_training_checkpoint(state, tmp_path / "b.ckpt")
    with pytest.raises(WeightsError, match=r"is \(1, 193, 64\), expected \(1, 193, 1280\)"):
        convert_hmr2_checkpoint(silent, tmp_path / "b.safetensors")
    # What it states must be what it has.
    wrong = save_training_checkpoint(state, tmp_path / "c.ckpt", sizes=PUBLISHED)
    with pytest.raises(WeightsError, match="expected"):
        convert_hmr2_checkpoint(wrong, tmp_path / "c.safetensors")
    assert not (tmp_path / "b.safetensors").exists() and not (tmp_path / "c.safetensors").exists()


class _Call:
    """Pickled as a call of a function by its name."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize("library", ["yacs", "omegaconf"])
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (eval, ("print('ran')",), "__builtin__.eval"),
        (exec, ("print('ran')",), "__builtin__.exec"),
        (getattr, (object, "__subclasses__"), "__builtin__.getattr"),
        (__import__, ("os",), "__builtin__.__import__"),
        (open, ("made", "w"), "io.open"),
        (pickle.loads, (b"",), "pickle.loads"),
        (torch.load, ("x",), "torch.serialization.load"),
        (torch.hub.load, ("x", "y"), "torch.hub.load"),
    ],
)
def test_nothing_is_executed_wherever_it_is_hidden(tmp_path, monkeypatch, capsys, library, function, arguments, named):
    monkeypatch.chdir(tmp_path)
    make, classes = (yacs_config, YACS_CLASSES) if library == "yacs" else (omegaconf_config, OMEGACONF_CLASSES)
    with foreign_classes(classes) as made:
        config = make(made, {"MODEL": {"deep": {"deeper": _Call(function, *arguments)}}})
        content = saved({"state_dict": {}, "hyper_parameters": {"cfg": config}})
    (tmp_path / "evil.ckpt").write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        convert_hmr2_checkpoint(tmp_path / "evil.ckpt", tmp_path / "evil.safetensors")
    line = str(caught.value)
    assert f"wants to load {named}, which is no part of a model: refused" in line and "\n" not in line
    assert "ran" not in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["evil.ckpt"]


def test_what_types_are_made_with_calls_nothing(tmp_path):
    """``operator.getitem`` and ``functools.reduce`` are read as placeholders, whatever they are given."""
    import functools
    import operator

    for function, arguments in ((operator.getitem, ({}, 1)), (functools.reduce, (operator.or_, [1, 2]))):
        path = tmp_path / "a.ckpt"
        path.write_bytes(saved({"state_dict": {}, "x": _Call(function, *arguments)}))
        assert read_checkpoint(path) == {}
    path.write_bytes(saved({"state_dict": {}, "x": _Call(type, 5)}))
    with pytest.raises(WeightsError, match="the type of a int"):
        read_checkpoint(path)


def test_a_file_of_old_pytorch_is_read_too(tmp_path):
    path = tmp_path / "old.ckpt"
    torch.save({"state_dict": {"backbone.x": torch.arange(3.0)}}, path, _use_new_zipfile_serialization=False)
    assert read_checkpoint(path)["backbone.x"].tolist() == [0.0, 1.0, 2.0]
