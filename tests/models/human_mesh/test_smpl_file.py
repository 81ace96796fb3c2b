import os
import pickle
import sys

import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.models.human_mesh.smpl_file import ENVIRONMENT, find_smpl, load_smpl
from tests.models.human_mesh.smpl_fixtures import arrays_of, foreign_classes, made_up_smpl, save_npz
from tests.models.human_mesh.smpl_fixtures import save_published_pickle as save_pickle

MODEL = made_up_smpl()
_FIELDS = (
    "template_m",
    "shape_directions",
    "pose_directions",
    "joint_regressor",
    "skinning_weights",
    "parents",
    "faces",
)


def assert_same_model(found, expected) -> None:
    for field in _FIELDS:
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), err_msg=field)


def test_reads_npz(tmp_path):
    assert_same_model(load_smpl(save_npz(MODEL, tmp_path / "SMPL_NEUTRAL.npz")), MODEL)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_reads_the_published_pickle_without_chumpy_or_scipy(tmp_path, protocol, monkeypatch):
    path = save_pickle(MODEL, tmp_path / "SMPL_NEUTRAL.pkl", protocol=protocol)
    text = path.read_bytes()
    assert b"chumpy" in text and b"csc_matrix" in text
    # Nothing of either may be imported on the way.
    for name in ("chumpy", "scipy", "scipy.sparse"):
        monkeypatch.setitem(sys.modules, name, None)
    assert_same_model(load_smpl(path), MODEL)


def test_reads_a_row_compressed_regressor_with_values_that_add_up(tmp_path):
    from scipy.sparse import csr_matrix

    content = dict(arrays_of(MODEL))
    joints, vertices = MODEL.joint_regressor.shape
    columns = np.tile(np.arange(vertices), (joints, 1))
    half = MODEL.joint_regressor / 2
    indices = np.concatenate([columns, columns], 1).ravel()
    data = np.concatenate([half, half], 1).ravel()
    pointers = np.arange(0, 2 * vertices * joints + 1, 2 * vertices)
    content["J_regressor"] = csr_matrix((data, indices, pointers), shape=(joints, vertices))
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    assert_same_model(load_smpl(path), MODEL)


class _Bomb:
    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self):
        return os.system, (self._command,)


def test_runs_nothing_that_a_pickle_asks_for(tmp_path):
    mark = tmp_path / "ran"
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps({"v_template": _Bomb(f"touch {mark}")}, protocol=2))
    with pytest.raises(WeightsError, match=r"wants to load posix\.system, which is no part of a model: refused"):
        load_smpl(path)
    assert not mark.exists()


@pytest.mark.parametrize("protocol", [0, 2])
def test_python_2s_way_to_make_objects_makes_stand_ins_alone(tmp_path, protocol):
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    with foreign_classes({"subprocess_like.Popen": object}) as classes:
        path.write_bytes(pickle.dumps(classes["subprocess_like.Popen"](), protocol=protocol))
    with pytest.raises(WeightsError, match=r"subprocess_like\.Popen"):
        load_smpl(path)


def test_an_expression_it_does_not_know_is_named(tmp_path):
    content = dict(arrays_of(MODEL))
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    with foreign_classes({"chumpy.ch_ops.add": object}) as classes:
        odd = classes["chumpy.ch_ops.add"]()
        odd.__dict__.update(a=1, b=2)
        content["shapedirs"] = odd
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(WeightsError, match=r"shapedirs of .* is a chumpy\.ch_ops\.add: expected"):
        load_smpl(path)


def _without(key):
    return {k: v for k, v in arrays_of(MODEL).items() if k != key}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_without("posedirs"), r"has no posedirs: expected an SMPL model file; register at https://smplify"),
        ({**arrays_of(MODEL), "weights": np.zeros((60, 23))}, r"weights of .* is \(60, 23\), expected \(60, 24\)"),
        ({**arrays_of(MODEL), "f": np.zeros((5, 4), int)}, r"f of .* is \(5, 4\), expected \(5, 3\)"),
        ([1, 2], "holds a list, expected an SMPL model file"),
        ({**arrays_of(MODEL), "f": "faces"}, "f of .* is a str: expected an array"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, content, message):
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=message):
        load_smpl(path)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x80\x04\x95\xff"])
def test_says_when_a_file_is_no_pickle(tmp_path, content):
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"SMPL_NEUTRAL\.pkl is (empty|damaged).*: expected .*publisher|register"):
        load_smpl(path)


def test_arrays_of_objects_are_refused(tmp_path):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(path, **{**arrays_of(MODEL), "f": np.array([{}, {}], object)})
    with pytest.raises(WeightsError, match="it holds object: only numbers and text are read"):
        load_smpl(path)


def test_finds_the_file_or_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(
        WeightsError, match=r"register at https://smplify\.is\.tue\.mpg\.de.*MFH_SMPL.*SMPL_NEUTRAL\.pkl"
    ) as e:
        find_smpl()
    assert str(tmp_path / "smpl") in str(e.value) and "\n" not in str(e.value)
    (tmp_path / "smpl").mkdir()
    cached = save_npz(MODEL, tmp_path / "smpl" / "SMPL_NEUTRAL.npz")
    assert find_smpl() == cached
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mine = save_npz(MODEL, elsewhere / "SMPL_NEUTRAL.npz")
    monkeypatch.setenv(ENVIRONMENT, str(elsewhere))
    assert find_smpl() == mine
    monkeypatch.setenv(ENVIRONMENT, str(mine))
    assert find_smpl() == mine
    # What was named and is not there is not replaced by the cached one.
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "nowhere.pkl"))
    with pytest.raises(WeightsError, match=r"nowhere\.pkl"):
        find_smpl()
