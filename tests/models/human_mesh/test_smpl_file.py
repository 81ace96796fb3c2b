import os
import pickle
import sys

import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.io.contents import file_sha256
from mfh.models.human_mesh import smpl
from mfh.models.human_mesh.smpl import ENVIRONMENT, find_smpl, load_smpl
from mfh.weights.manifest import ListedFile, Manifest, write_manifest
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


def _saved(path, classes: dict[str, type], **changes):
    """Write the arrays with some of them changed; a change is made from stand-ins for foreign classes."""
    content = dict(arrays_of(MODEL))
    with foreign_classes(classes) as made:
        content.update({key: make(made) for key, make in changes.items()})
        path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def _object(made: type, **state):
    one = made()
    one.__dict__.update(state)
    return one


def _contains_itself(classes):
    one = classes["chumpy.ch.Ch"]()
    one.__dict__.update(x=one)
    return one


def _chain(classes, *, nodes: int):
    value: object = MODEL.template_m
    for _ in range(nodes):
        value = _object(classes["chumpy.ch.Ch"], x=value)
    return value


def test_an_expression_that_contains_itself_is_one_line(tmp_path):
    path = _saved(tmp_path / "a.pkl", {"chumpy.ch.Ch": object}, v_template=_contains_itself)
    with pytest.raises(WeightsError, match="v_template of .* is an expression of more than 8 nodes: expected an array"):
        load_smpl(path)
    assert_same_model(
        load_smpl(_saved(path, {"chumpy.ch.Ch": object}, v_template=lambda made: _chain(made, nodes=8))), MODEL
    )
    with pytest.raises(WeightsError, match="more than 8 nodes"):
        load_smpl(_saved(path, {"chumpy.ch.Ch": object}, v_template=lambda made: _chain(made, nodes=9)))


_WHOLE = np.arange(180.0)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"idxs": np.array([0, 180]), "preferred_shape": (2,)}, "picks number 0 to 180 of 180: damaged"),
        ({"idxs": np.array([-1]), "preferred_shape": (1,)}, "picks number -1 to -1 of 180"),
        ({"idxs": np.array([0.5]), "preferred_shape": (1,)}, "picks by something else than whole numbers"),
        ({"idxs": np.array([None]), "preferred_shape": (1,)}, "picks by something else than whole numbers"),
        ({"idxs": "x", "preferred_shape": (1,)}, "is a str: expected an array"),
        *(
            ({"idxs": np.arange(180), "preferred_shape": shape}, "has a shape that is none|is damaged|too large")
            for shape in ((60, 4), (-1, 3), (10**12, 3), "x", (), (60, "3"), None, (2**40,), [60, 3.0], (0, 3))
        ),
    ],
)
def test_a_selection_that_does_not_fit_is_one_line(tmp_path, state, message):
    path = _saved(
        tmp_path / "a.pkl",
        {"chumpy.reordering.Select": object},
        v_template=lambda made: _object(made["chumpy.reordering.Select"], a=_WHOLE, **state),
    )
    with pytest.raises(WeightsError, match=message) as caught:
        load_smpl(path)
    assert "\n" not in str(caught.value)


def _sparse(**changes):
    """A csc matrix of (24, 60) with a number in each column."""
    parts = {"_shape": (24, 60), "indptr": np.arange(61), "indices": np.zeros(60, int), "data": np.ones(60)} | changes
    return {key: value for key, value in parts.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {"_shape": (-24, 60)},
        {"_shape": (24, 10**12)},
        {"_shape": (2**31, 2**31)},
        {"_shape": (24, 61)},
        {"_shape": (24,)},
        {"_shape": "x"},
        {"_shape": None},
        {"indptr": np.arange(61)[::-1].copy()},
        {"indptr": np.array([0, 10**9])},
        {"indptr": np.arange(61) - 1},
        {"indptr": np.array([0, 5, 2, 60])},
        {"indptr": None},
        {"indices": np.full(60, 24)},
        {"indices": np.full(60, -1)},
        {"indices": np.zeros(59, int)},
        {"indices": np.zeros(60)},
        {"data": np.ones(61)},
        {"data": np.ones(60, complex)},
        {"data": np.ones((60, 1))},
        {"data": np.full(60, None)},
        {"data": "x"},
        {"data": np.full(60, np.nan)},
    ],
)
def test_a_sparse_matrix_whose_parts_do_not_fit_is_one_line(tmp_path, changes):
    classes = {"scipy.sparse.csc.csc_matrix": object}
    good = _saved(
        tmp_path / "good.pkl", classes, J_regressor=lambda made: _object(made[next(iter(classes))], **_sparse())
    )
    assert load_smpl(good).joint_regressor.sum() == 60
    path = _saved(
        tmp_path / "a.pkl", classes, J_regressor=lambda made: _object(made[next(iter(classes))], **_sparse(**changes))
    )
    with pytest.raises(WeightsError, match=r"J_regressor of .*a\.pkl ") as caught:
        load_smpl(path)
    assert "\n" not in str(caught.value)


def _kinds():
    tree = arrays_of(MODEL)["kintree_table"]
    whole = arrays_of(MODEL)["f"]
    return [
        ("f", whole.astype(complex), "an array of complex128: expected whole numbers"),
        ("f", whole.astype(float), "an array of float64: expected whole numbers"),
        ("f", whole + 1000, "names corners that are none of the 60"),
        ("f", whole.astype(int) - 1000, "names corners that are none of the 60"),
        ("f", whole[:0], "names corners that are none"),
        ("kintree_table", tree.astype(object), "an array of object: expected whole numbers"),
        ("kintree_table", tree.astype(float), "an array of float64"),
        ("kintree_table", tree[0], r"kintree_table of .* is \(24,\), expected two rows"),
        ("kintree_table", tree[:1], r"is \(1, 24\), expected two rows"),
        ("kintree_table", tree[:, :0], r"is \(2, 0\), expected two rows"),
        ("kintree_table", np.array(5), r"is \(\), expected two rows"),
        ("v_template", MODEL.template_m + 1j, "an array of complex128: expected real numbers"),
        ("v_template", MODEL.template_m * np.nan, "has numbers that are not finite"),
        ("v_template", MODEL.template_m * np.inf, "has numbers that are not finite"),
        ("v_template", np.array(5.0), "a.pkl is damaged|expected"),
        ("shapedirs", np.array(5.0), "a.pkl is damaged|expected"),
        ("weights", np.array([["x"]]), "an array of <U1: expected real numbers"),
    ]


@pytest.mark.parametrize(("key", "value", "message"), _kinds())
def test_an_array_of_another_kind_is_one_line(tmp_path, key, value, message):
    path = _saved(tmp_path / "a.pkl", {}, **{key: lambda made: value})
    with pytest.raises(WeightsError, match=message) as caught:
        load_smpl(path)
    assert "\n" not in str(caught.value)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(smpl, "MAX_BYTES", 10_000_000)
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez_compressed(path, **{**arrays_of(MODEL), "f": np.zeros((10**6, 3), np.uint32)})
    assert path.stat().st_size < 1e6
    with pytest.raises(WeightsError, match="it unpacks to .* bytes, 10,000,000 at most are read"):
        load_smpl(path)


def test_a_folder_and_a_pipe_are_no_body_model(tmp_path):
    with pytest.raises(WeightsError, match="is a folder: expected an SMPL model file"):
        load_smpl(tmp_path)
    os.mkfifo(tmp_path / "pipe.pkl")
    with pytest.raises(WeightsError, match=r"pipe\.pkl is not a regular file"):
        load_smpl(tmp_path / "pipe.pkl")
    with pytest.raises(WeightsError, match="no such file: SMPL body model .*register at https://smplify"):
        load_smpl(tmp_path / "nowhere.pkl")


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


def test_an_imported_body_model_that_changed_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    (tmp_path / "smpl").mkdir()
    place = save_npz(MODEL, tmp_path / "smpl" / "SMPL_NEUTRAL.npz")
    listed = ListedFile(place.name, place.stat().st_size, file_sha256(place))
    write_manifest(place.parent, Manifest("smpl", "1", (listed,)))
    assert find_smpl() == place
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    with pytest.raises(WeightsError, match=r"SMPL_NEUTRAL\.npz has sha256 .*: copy or import it again"):
        find_smpl()


def test_a_home_of_nobody_is_said(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "~nobody-has-this-name/body.pkl")
    with pytest.raises(WeightsError, match="MFH_SMPL is ~nobody-has-this-name.*there is no such home folder"):
        find_smpl()
