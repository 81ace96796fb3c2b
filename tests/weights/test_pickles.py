"""Pickles carried out on values of a few kinds: plain ones are as Python's own reader makes them, none else is made."""

import ast
import os
import pickle
import subprocess
import sys
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import WeightsError
from mfh.weights import pickle_format
from mfh.weights.pickle_format import operations
from mfh.weights.pickles import Inert, check_pickle, load_restricted
from tests.models.human_mesh.smpl_fixtures import foreign_classes

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(codec=None), max_size=40)
    | st.binary(max_size=40)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(SCALARS, inner, max_size=4)
        | st.dictionaries(SCALARS, inner, max_size=4).map(OrderedDict)
        | st.frozensets(SCALARS, max_size=4)
        | st.sets(SCALARS, max_size=4)
    ),
    max_leaves=20,
)


def load(content: bytes, **options):
    return load_restricted(content, source="the file", **options)


@pytest.mark.slow
@given(VALUES, st.sampled_from(PROTOCOLS))
def test_plain_values_are_what_pythons_own_reader_makes_of_them(value, protocol):
    content = pickle.dumps(value, protocol=protocol)
    found = load(content)
    assert found == value and type(found) is type(value)
    check_pickle(content, start=0, persistent=lambda reference: None)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["f8", ">f4", "i8", ">u2", "?", "c16", "S3", "U5", "O"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_what_numpy_makes_of_them(protocol, kind, order):
    array = np.asarray(np.arange(24).reshape(2, 3, 4).astype(kind), order=order)
    for value in (array, array[:, :0], array[1, 2, 3:4], np.float32(1.5), np.int64(-3), np.bool_(True)):
        content = pickle.dumps(value, protocol=protocol)
        found = load(content)
        assert found.dtype == pickle.loads(content).dtype and found.shape == value.shape
        np.testing.assert_array_equal(found, value)


def test_what_is_shared_stays_shared_and_can_contain_itself():
    shared: list = [1]
    shared.append(shared)
    found = load(pickle.dumps([shared, shared]))
    assert found[0] is found[1] and found[0][1] is found[0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_stand_ins_keep_what_a_pickle_says_of_them(protocol):
    with foreign_classes({"lost.Thing": object, "lost.Mapping": dict, "lost.Sequence": list}) as classes:
        thing, mapping, sequence = (classes[f"lost.{name}"]() for name in ("Thing", "Mapping", "Sequence"))
        thing.__dict__.update(a=1)
        mapping["b"] = 2
        sequence.append(3)
        content = pickle.dumps([thing, mapping, sequence], protocol=protocol)
    found = load(content, inert_packages=frozenset({"lost"}))
    assert [one.class_name for one in found] == ["lost.Thing", "lost.Mapping", "lost.Sequence"]
    assert found[0].state == {"a": 1}
    if protocol >= 2:
        assert found[1].items == [("b", 2)] and found[2].items == [3]


class Planted:
    """Runs something when it is unpickled."""

    def __init__(self, how, *arguments):
        self.how, self.arguments = how, arguments

    def __reduce__(self):
        return self.how, self.arguments


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("how", [os.system, exec, eval, open, getattr, __import__])
def test_nothing_is_run(tmp_path, protocol, how):
    mark = tmp_path / "ran"
    argument = f"touch {mark}" if how is os.system else f"open({str(mark)!r}, 'w')"
    planted = Planted(how, argument)
    for value in (planted, {"a": [planted]}, OrderedDict(a=planted)):
        with pytest.raises(WeightsError, match=r"the file wants to load .*, which is no part of a model: refused"):
            load(pickle.dumps(value, protocol=protocol))
        check_pickle(pickle.dumps(value, protocol=protocol), start=0, persistent=lambda reference: None)
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch x'\ntR.",
        b"(S'touch x'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch x'\no.",
        b"\x8c\x02os\x8c\x06system\x93\x8c\x07touch x\x85R.",
        b"cos.path\nos.system\n(S'touch x'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"ccollections\nOrderedDict.__class__\n.",
        b"cbuiltins\nobject\n(S'x'\ntR.",
    ],
)
def test_every_way_to_name_a_callable_is_refused(content):
    with pytest.raises(WeightsError, match="no part of a model: refused|is made that way by no model file"):
        load(content)


@pytest.mark.parametrize("name", ["int", "list", "str", "tuple", "dict", "float", "bool", "object"])
def test_builtin_classes_are_names_and_make_nothing(name):
    assert load(f"cbuiltins\n{name}\n.".encode()).__name__ == name
    for call in (b"(I5\ntR.", b"(I5\nt\x81."):
        with pytest.raises(WeightsError, match=f"a {name} is made that way by no model file"):
            load(f"cbuiltins\n{name}\n".encode() + call)


TUPLES = b"(t" + b"\x85" * 200_000
"""A tuple in a tuple, and so on."""
BOMBS = {
    "recall": b"j\xff\xff\xff\x7f.",
    "text": b"X\xff\xff\xff\xff.",
    "bytes": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "negative text": b"T\xff\xff\xff\xff.",
    "bytearray": b"\x96\xff\xff\xff\xff\xff\xff\xff\x0f.",
    "integer": b"\x8b\xff\xff\xff\x7f.",
    "long integer": b"\x8b\x00\x00\x10\x00" + b"\xff" * (1 << 20) + b".",
    "digits": b"L" + b"9" * 100_000 + b"L\n.",
    "marks": b"(" * 200_000 + b".",
    "tuples as a key": b"}" + TUPLES + b"Ns.",
    "tuples in a set": b"\x8f(" + TUPLES + b"\x90.",
    "tuples as a key of a stand-in": b"clost\nThing\n)\x81" + TUPLES + b"Ns.",
    "shared tuples as a key": b"}N" + b"2\x86" * 200 + b"Ns.",
    "array": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    b"(I1\n(I1000000\nI1000000\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntRI00\nS'x'\ntb.",
    "scalar": b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'S9999'\nI0\nI1\ntRS'x'\ntR.",
    "dtype": b"cnumpy\ndtype\n(S'V2147483647'\nI0\nI1\ntR.",
    "nested dtype": b"cnumpy\ndtype\n(" + b"(" * 1000 + b"S'f8'\n" + b"t" * 1000 + b"tR.",
    "classes": b"".join(b"clost\nThing%d\n0" % k for k in range(5000)) + b"N.",
    "made again and again": b"S'" + b"x" * 100_000 + b"'\nq\x000"
    + b"c_codecs\nencode\n(h\x00S'latin1'\ntR0" * 20_000 + b"N.",
    "operations": b"N0" * 600_000 + b"N.",
}  # fmt: skip


HARMLESS = {
    "memory of four billion places": b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff.",
    "deep lists": b"]" * 100_000 + b"a" * 99_999 + b".",
    "deep tuples": TUPLES + b".",
    "deep dictionaries": b"}" + b"N}" * 50_000 + b"s" * 50_000 + b".",
    "deep stand-ins": b"clost\nThing\nq\x00" + b")\x81" + b"h\x00)\x81" * 50_000 + b"b" * 50_000 + b".",
}
"""Read, and gone again, without the stack or the memory running over."""
_TRY = """
import pickle, resource, sys, time
from mfh.errors import WeightsError
from mfh.weights.pickles import load_restricted
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (600 << 20),) * 2)
for name, content in pickle.load(open(sys.argv[1], "rb")).items():
    begin = time.perf_counter()
    try:
        load_restricted(content, source="the file", inert_packages=frozenset({"lost"}))
        outcome = "read"
    except WeightsError as error:
        outcome = str(error)
    print(repr((name, time.perf_counter() - begin, outcome)), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is limited as Linux does it")
def test_bombs_are_one_line_soon_with_little_memory(tmp_path):
    # In a process of its own: with the checks of this one every operation takes a hundred times as long.
    (tmp_path / "bombs").write_bytes(pickle.dumps({**BOMBS, **HARMLESS}))
    run = subprocess.run(
        [sys.executable, "-c", _TRY, str(tmp_path / "bombs")], capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr[-500:]
    outcomes = {name: (seconds, outcome) for name, seconds, outcome in map(ast.literal_eval, run.stdout.splitlines())}
    assert outcomes.keys() == {*BOMBS, *HARMLESS}
    for name, (seconds, outcome) in outcomes.items():
        assert seconds < 20, name
        if name in HARMLESS:
            assert outcome == "read", name
        else:
            assert outcome.startswith("the file is damaged or of another kind") and "MemoryError" not in outcome, name


def test_lists_of_lists_that_share_their_parts_are_read_and_not_followed():
    # A billion items to whoever follows them all.
    content = b"](NNe" + b"q\x00]q\x01(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00e" * 1 + b"."
    laughs: list = []
    for _ in range(60):
        laughs = [laughs] * 10
    assert isinstance(load(content), list)
    assert len(load(pickle.dumps(laughs))) == 10
    assert len(load(pickle.dumps({"state_dict": laughs}))["state_dict"]) == 10


NO_PICKLES = [
    *(b"", b".", b"N", b"(.", b"t.", b"0.", b"1.", b"2.", b"s.", b"u.", b"a.", b"e.", b"b.", b"R.", b"\x81."),
    *(b"N2a.", b"N(Ne.", b"NNNs.", b"N(NNu.", b"}(Nu.", b"NNb.", b"]Nb.", b"NNR.", b"N)R.", b"N(\x90.", b"(o.", b"o."),
    *(b"Ix\n.", b"Fx\n.", b"Lx\n.", b"S'x\n.", b"Sx\n.", b"S\n.", b"g5\n.", b"gx\n.", b"px\n.", b"Nq", b"c\n\n."),
    *(b"\x82\x01.", b"\x97.", b"\x98.", b"\x00.", b"\xff.", b"Pa\n.", b"NQ.", b"N\x93.", b"NN\x93.", b"(d", b"(Nd."),
    *(b"X\x01\0\0\0\xff.", b"}NN\x92.", b"](\x90.", b"\x80", b"\x95\x01", b"cnumpy\nndarray\n)\x81."),
    b"cnumpy\ndtype\n)R.",
]


@pytest.mark.parametrize("content", NO_PICKLES)
def test_what_is_no_pickle_is_one_line(content):
    with pytest.raises(WeightsError, match="the file ") as caught:
        load(content)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@given(st.binary(max_size=60), st.sampled_from(PROTOCOLS))
def test_any_bytes_are_read_or_are_one_line(noise, protocol):
    content = pickle.dumps({"a": [1.5, (2, "x")], "b": np.arange(3)}, protocol=protocol)
    place = sum(noise) % len(content)
    for damaged in (content[:place] + noise + content[place:], content[:place] + noise, noise):
        try:
            load(damaged)
        except WeightsError as error:
            assert "\n" not in str(error)


def test_references_to_things_outside_are_refused_unless_somebody_resolves_them():
    with pytest.raises(WeightsError, match="refers to things outside itself: refused"):
        load(b"(S'storage'\ntQ.")
    assert load(b"(S'storage'\ntQ.", persistent=lambda reference: len(reference)) == 1


def test_the_state_of_an_array_must_fit_it():
    head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
    kind = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"
    assert load(head + b"(I1\nt" + kind + b"I00\nS'12345678'\ntb.").shape == (1,)
    for shape, text in ((b"(I2\nt", b"12345678"), (b"(I-1\nt", b"12345678"), (b"(F1\nt", b"12345678"), (b"N", b"")):
        with pytest.raises(WeightsError, match="an array"):
            load(head + shape + kind + b"I00\nS'" + text + b"'\ntb.")
    with pytest.raises(WeightsError, match="parts of its own"):
        load(kind + b"(I3\nS'<'\nNNNI99\nI8\nI0\ntb.")
    assert np.dtype("f8").byteorder in "=<>", "numpy's own is as it was"


def test_defaults_of_a_dictionary_are_no_code():
    with pytest.raises(WeightsError, match=r"collections\.defaultdict"):
        load(pickle.dumps(defaultdict(list, a=1)))


def test_operations_end_where_the_pickle_ends():
    first, second = pickle.dumps([1, 2]), pickle.dumps({"a": 3}, protocol=0)
    assert check_pickle(first + second + b"more", start=0, persistent=len) == len(first)
    assert check_pickle(first + second + b"more", start=len(first), persistent=len) == len(first + second)
    *_, (operation, _, end) = operations(first + second)
    assert (operation, end) == (ord("."), len(first))
    assert pickle_format.MAX_OPERATIONS > 30 * 10_000


def test_messages_are_short_whatever_names_a_pickle_has():
    with pytest.raises(WeightsError) as caught:
        load(b"c" + b"a" * 290 + b"\n" + b"b" * 290 + b"\n.")
    assert len(str(caught.value)) < 300
    assert isinstance(load(b"clost\nThing\n)\x81.", inert_packages=frozenset({"lost"})), Inert)
