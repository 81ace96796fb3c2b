"""Photos from folders, patterns, lists and tables, each with an id; anything else is one clear line."""

import json

import pytest

from mfh.batch.columns import Item, Photos
from mfh.batch.manifest import read_inputs, shard_of
from mfh.errors import InputError
from tests.batch.stub import picture


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a/x.PNG", "a/y.jpg"):
        picture(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("none")
    (tmp_path / "photos" / ".hidden.jpg").write_bytes(b"")
    return tmp_path / "photos"


def test_a_folder_is_all_pictures_below_it_by_their_path(folder):
    items = read_inputs([str(folder)])
    assert [one.id for one in items] == ["a/x.PNG", "a/y.jpg", "b.jpg"]
    assert items[0].path == str(folder / "a" / "x.PNG")


def test_patterns_files_and_addresses(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert [one.id for one in read_inputs(["**/*.jpg"])] == ["a/y.jpg", "b.jpg"]
    assert list(read_inputs(["b.jpg", "s3://bucket/c.jpg"])) == [
        Item("b.jpg", "b.jpg"),
        Item("s3://bucket/c.jpg", "s3://bucket/c.jpg"),
    ]


def test_tables_say_what_is_known(folder):
    rows = [
        {"id": "one", "path": "b.jpg", "focal_35mm": 26, "person_height": "1.8 0=1.7", "camera": "phone"},
        {"path": "a/y.jpg", "known_distance": "3,4=2.31m"},
    ]
    expected = [
        Item("one", str(folder / "b.jpg"), focal_35mm=26.0, person_height="1.8 0=1.7", camera="phone"),
        Item("a/y.jpg", str(folder / "a/y.jpg"), known_distance="3,4=2.31m"),
    ]
    lines = folder / "t.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert list(read_inputs([str(lines)])) == expected
    table = folder / "t.csv"
    table.write_text(
        "id,path,focal_35mm,person_height,camera,known_distance\n"
        'one,b.jpg,26,1.8 0=1.7,phone,\n,a/y.jpg,,,,"3,4=2.31m"\n'
    )
    assert list(read_inputs([str(table)])) == expected
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    names = sorted({name for row in rows for name in row})
    columns = {name: [row.get(name) for row in rows] for name in names}
    pq.write_table(pa.table(columns), folder / "t.parquet")
    assert list(read_inputs([str(folder / "t.parquet")])) == expected


def test_a_list_is_a_path_a_line(folder):
    (folder / "list.txt").write_text("b.jpg\n\n/elsewhere/z.jpg\n")
    items = read_inputs([str(folder / "list.txt")])
    assert [(one.id, one.path) for one in items] == [
        ("b.jpg", str(folder / "b.jpg")),
        ("/elsewhere/z.jpg", "/elsewhere/z.jpg"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.csv", "path,colour\nb.jpg,red\n", "has a column 'colour'"),
        ("t.csv", "id\nx\n", "has no path"),
        ("t.csv", "path,focal_px\nb.jpg,long\n", "focal_px of row 1 .* is 'long'"),
        ("t.csv", "path\nb.jpg,more\n", "more values than there are columns"),
        ("t.csv", "path\n", "has no row"),
        ("t.csv", b"path\n\xff\xfe\n", "cannot be read"),
        ("t.jsonl", "{", "line 1 of .* is no JSON"),
        ("t.jsonl", "[1]", "is no object"),
        ("t.jsonl", '{"path": 3}', "has no path"),
        ("t.jsonl", json.dumps({"path": "b.jpg", "camera": "x" * 2000}), "has 2000 letters"),
        ("t.txt", "b.jpg\nb.jpg\n", "two photos have the id 'b.jpg'"),
        ("t.parquet", "PAR1", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_one_line(folder, name, text, expected):
    pytest.importorskip("pyarrow")
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=expected) as caught:
        read_inputs([str(path)])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("given", "expected"),
    [("missing.jpg", "is not there"), ("none/*.jpg", "matches no file"), (".", "no picture"), ("", "empty path")],
)
def test_what_is_not_there_is_one_line(tmp_path, monkeypatch, given, expected):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=expected):
        read_inputs([given])


def test_shards_are_parts_of_the_whole():
    items = Photos.of(Item(str(k), "x") for k in range(10))
    parts = [shard_of(items, f"{k}/3") for k in (1, 2, 3)]
    assert sorted(one.id for part in parts for one in part) == sorted(one.id for one in items)
    assert [len(part) for part in parts] == [4, 3, 3] and shard_of(items, None) is items
    for bad in ("0/3", "4/3", "1", "a/b", "1/0", "-1/2"):
        with pytest.raises(InputError, match="--shard"):
            shard_of(items, bad)
