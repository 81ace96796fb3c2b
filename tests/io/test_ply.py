"""PLY files, read by a reader that knows nothing of the writer but the format's own description."""

import struct

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.io.ply import write_mesh, write_point_cloud

_CODES = {"float": "f", "uchar": "B", "int": "i"}


def read(path):
    """A plain reader of binary little-endian PLY: header line by line, then value by value."""
    content = path.read_bytes()
    head, _, body = content.partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    elements = []
    for line in lines[2:]:
        words = line.split()
        if words[0] == "element":
            elements.append((words[1], int(words[2]), []))
        elif words[0] == "property":
            elements[-1][2].append(words[1:])
    at, read = 0, {}

    def take(kind):
        nonlocal at
        (value,) = struct.unpack_from("<" + _CODES[kind], body, at)
        at += struct.calcsize("<" + _CODES[kind])
        return value

    for name, count, properties in elements:
        read[name] = []
        for _ in range(count):
            row = {}
            for words in properties:
                row[words[-1]] = (
                    [take(words[2]) for _ in range(take(words[1]))] if words[0] == "list" else take(words[0])
                )
            read[name].append(row)
    assert at == len(body), "nothing is left over"
    return read


def test_points_come_back(tmp_path):
    rng = np.random.default_rng(0)
    points, colors = rng.normal(size=(50, 3)), rng.integers(0, 256, (50, 3), np.uint8)
    write_point_cloud(tmp_path / "p.ply", points, colors)
    rows = read(tmp_path / "p.ply")["vertex"]
    np.testing.assert_array_equal([[row[axis] for axis in "xyz"] for row in rows], points.astype(np.float32))
    np.testing.assert_array_equal([[row[c] for c in ("red", "green", "blue")] for row in rows], colors)


def test_meshes_come_back_and_no_points_are_a_file_too(tmp_path):
    vertices = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 2]], float)
    faces = np.array([[0, 1, 2], [3, 1, 0]])
    write_mesh(tmp_path / "m.ply", vertices, faces, np.full((4, 3), 7, np.uint8))
    got = read(tmp_path / "m.ply")
    assert [row["vertex_indices"] for row in got["face"]] == faces.tolist() and len(got["vertex"]) == 4
    write_point_cloud(tmp_path / "e.ply", np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
    assert read(tmp_path / "e.ply") == {"vertex": []}


def test_what_is_no_geometry_is_refused_and_leaves_no_file(tmp_path):
    colors = np.zeros((3, 3), np.uint8)
    with pytest.raises(InputError, match="1 points are not finite"):
        write_point_cloud(tmp_path / "p.ply", np.array([[0, 0, 1], [np.nan, 0, np.inf], [1, 1, 1]], float), colors)
    for face in ([0, 1, 3], [-1, 0, 1]):
        with pytest.raises(InputError, match="expected 0 to 2"):
            write_mesh(tmp_path / "p.ply", np.zeros((3, 3)), np.array([face]), colors)
    with pytest.raises(InputError, match="cannot write"):
        write_point_cloud(tmp_path / "nowhere" / "p.ply", np.zeros((3, 3)), colors)
    assert list(tmp_path.iterdir()) == []
