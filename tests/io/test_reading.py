"""The door: whatever a file holds, its reader gives the value or one line, before anything large is decoded."""

import json
import os
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError, WeightsError
from mfh.io.reading import check_file, parse_json, read_json, read_npy, read_npz, read_text, reading

ASKED = {"what": "notes", "expected": "notes of this program"}


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)[:, :2]), np.array("é"),
                                   np.zeros((0, 3), np.float32), np.float64(2.5), np.array([True, False])])  # fmt: skip
def test_arrays_come_back_as_numpy_reads_them(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", one=array, two=np.arange(3))
    for found in (read_npy(tmp_path / "a.npy", **ASKED), read_npz(tmp_path / "a.npz", **ASKED, names=["one"])["one"]):
        assert found.dtype == np.asarray(array).dtype and found.shape == np.shape(array) and found.flags.writeable
        np.testing.assert_array_equal(found, array)


def test_an_array_larger_than_its_file_is_refused_before_memory_is_asked_for(tmp_path):
    path = tmp_path / "huge.npy"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (200000, 200000), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(InputError, match=r"huge.npy is damaged .*160,000,000,000 bytes"):
        read_npy(path, **ASKED)
    with pytest.raises(InputError, match="needs"):
        read_npy(path, **ASKED, max_bytes=1 << 60)


@pytest.mark.parametrize("shape", ["(-1, 3)", "(2, -2)", "(1,)*9"])
def test_shapes_that_no_array_has_are_refused(tmp_path, shape):
    path = tmp_path / "odd.npy"
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64))
    with pytest.raises(InputError, match="odd.npy"):
        read_npy(path, **ASKED)


def test_objects_are_never_unpickled(tmp_path):
    planted = tmp_path / "planted"

    class Evil:
        def __reduce__(self):
            return (Path.touch, (planted,))

    np.save(tmp_path / "evil.npy", np.array([Evil()], object), allow_pickle=True)
    np.savez(tmp_path / "evil.npz", a=np.array([Evil()], object))
    for read, name in ((read_npy, "evil.npy"), (read_npz, "evil.npz")):
        with pytest.raises(InputError, match="only numbers and text"):
            read(tmp_path / name, **ASKED)
    assert not planted.exists()


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_does(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(10_000_000))
    with pytest.raises(InputError, match="unpacks to 10,000,000 bytes"):
        read_npz(tmp_path / "bomb.npz", **ASKED, max_bytes=1_000_000)


def test_json_is_bounded(tmp_path):
    deep = "[" * 65 + "]" * 65
    for text, why in (
        (deep, "65 deep"),
        ("[" * 200_000, "deep"),
        ('{"a": ' + "9" * 5000 + "}", "5,000 digits"),
        ('{"a": 1e999}', "too large"),
        ('{"a": NaN}', "no number"),
        ("{", "damaged"),
        ("", "empty"),
    ):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(InputError, match=why) as caught:
            read_json(tmp_path / "a.json", **ASKED)
        assert "a.json" in str(caught.value) and "\n" not in str(caught.value)


def test_json_with_a_byte_order_mark_and_brackets_in_strings(tmp_path):
    tree = {"a": "[" * 500 + '\\"]{', "b": [1, 2.5, None]}
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(tree).encode())
    assert read_json(tmp_path / "a.json", **ASKED) == tree


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_any_json_reads_back(tree):
    assert parse_json(json.dumps(tree)) == tree


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "any"
    path.write_bytes(content)
    for read in (read_npy, read_npz, read_json, read_text):
        try:
            read(path, **ASKED)
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)


def test_what_is_no_file_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nothing").touch()
    (tmp_path / "much").write_bytes(bytes(100))
    for path, why in (
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "not a regular file"),
        (tmp_path / "nothing", "0 bytes"),
        (tmp_path / "absent", "no such file"),
        ("a\0b", "null byte"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(InputError, match=why):
            check_file(path, **ASKED)
    with pytest.raises(WeightsError, match="100 bytes"):
        check_file(tmp_path / "much", **ASKED, max_bytes=99, error=WeightsError)


@pytest.mark.parametrize("cause", [RecursionError("deep"), OverflowError("big"), AttributeError("x"), MemoryError(),
                                   OSError("no errno"), PermissionError(13, "denied"), SystemError("x"), KeyError("k"),
                                   ValueError("two\nlines")])  # fmt: skip
def test_any_failure_becomes_one_line_of_the_class_asked_for(cause):
    with pytest.raises(WeightsError, match="photo.jpg") as caught, reading("photo.jpg", error=WeightsError, **ASKED):
        raise cause
    assert "\n" not in str(caught.value) and "notes of this program" in str(caught.value)


def test_errors_of_this_package_and_interrupts_pass():
    for cause in (InputError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(cause)) as caught, reading("a", **ASKED):
            raise cause
        assert caught.value is cause


def test_names_of_any_bytes_are_shown_in_one_line(tmp_path):
    path = os.fsdecode(bytes(tmp_path) + b"/new\nline\x1b[2J\xff.json")
    with pytest.raises(InputError, match="no such file") as caught:
        read_json(path, **ASKED)
    assert r"new\nline\x1b[2J\xff.json" in str(caught.value)


@pytest.mark.parametrize("text", ['"\\' * 500_000, '"' * 499_999, '"a\\' * 300_000 + "\\", '[{"' * 300_000])
def test_json_of_unclosed_strings_is_refused_at_once(text):
    begin = time.monotonic()
    with pytest.raises(ValueError):
        parse_json(text)
    assert time.monotonic() - begin < 5


def test_numbers_that_python_writes_and_json_does_not_know_are_read_where_asked_for(tmp_path):
    (tmp_path / "a.json").write_text("[NaN, Infinity, -Infinity, 1]")
    with pytest.raises(InputError, match="no number"):
        read_json(tmp_path / "a.json", **ASKED)
    found = read_json(tmp_path / "a.json", **ASKED, finite=False)
    assert np.isnan(found[0]) and found[1:] == [float("inf"), float("-inf"), 1]
