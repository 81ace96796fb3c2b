"""Rows of many files in one, photos as columns, statuses as digests: as lists and dictionaries would have them."""

import numpy as np
import pytest

from mfh.batch import ledger, merge
from mfh.batch.columns import Item, Photos
from mfh.batch.ledger import open_ledger
from mfh.batch.merge import merged, write_merged
from mfh.batch.rows import Row
from mfh.batch.statuses import Statuses
from mfh.batch.tables import read_table, write_rows
from mfh.errors import InputError

pytest.importorskip("pyarrow")


def row(name: str, path: str) -> Row:
    return Row(id=name, path=path, camera="", status="ok", fingerprint="x")


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_those_of_the_last_file_in_order(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(merge, "SORTED_AT_ONCE", 20)
    monkeypatch.setattr(merge, "_READ_AT_ONCE", 3)
    rng = np.random.default_rng(seed)
    paths, expected = [tmp_path / "rows.parquet"], {}
    for number in range(int(rng.integers(1, 40))):
        names = [f"ä{k}" if k % 7 else f"Z/{k}" for k in rng.integers(0, 150, int(rng.integers(1, 9)))]
        path = tmp_path / f"{number}.parquet"
        write_rows(path, [row(name, f"{number}/{at}") for at, name in enumerate(names)])
        expected |= {name: f"{number}/{at}" for at, name in enumerate(names)}
        paths.append(path)
        if rng.random() < 0.15:
            # As a run that ends, and is resumed.
            write_merged(paths[0], paths, tmp_path / "aside")
            paths = paths[:1]
        elif rng.random() < 0.15:
            # As a command that merges its own parts.
            write_merged(tmp_path / f"{number}-own.parquet", [tmp_path / "none", *paths[-3:]], tmp_path / "aside")
            if paths[0] in paths[-3:]:
                continue
            paths = [*paths[:-3], tmp_path / f"{number}-own.parquet"]
    paths.append(tmp_path / "vanished.parquet")
    tables = list(merged(paths, tmp_path / "aside", ("id", "path")))
    found = [(one["id"], one["path"]) for table in tables for one in table.to_pylist()]
    assert found == sorted(expected.items()) and not (tmp_path / "aside").exists()
    write_merged(paths[0], paths, tmp_path / "aside")
    assert [(one["id"], one["path"]) for one in read_table(paths[0]).to_pylist()] == found


def test_a_command_merges_its_own_parts_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "_MOST_PARTS", 4)
    one = open_ledger(tmp_path, {})
    for k in range(10):
        assert one.claim(f"{k}.jpg")
        one.write([row_of(one.mark, f"{k}.jpg")])
    assert len(list((tmp_path / "parts").glob("*.parquet"))) < 6
    other = open_ledger(tmp_path, {})
    assert len(other.status) == 10 and all(other.is_done(f"{k}.jpg") for k in range(10))
    assert not other.is_done("x.jpg")
    one.compact()
    assert read_table(tmp_path / "rows.parquet").num_rows == 10


def row_of(mark: str, name: str) -> Row:
    return Row(id=name, path=name, camera="", status="ok", fingerprint=mark)


def test_statuses_are_those_of_a_dictionary(monkeypatch):
    monkeypatch.setattr("mfh.batch.statuses._FEWEST", 10)
    rng = np.random.default_rng(0)
    found, expected = Statuses(), {}
    for _ in range(40):
        names = [f"{k}.jpg" for k in rng.integers(0, 200, 6)]
        statuses = rng.choice(["ok", "no scale", "failed"], 6).tolist()
        found.add(names, statuses)
        expected.update(zip(names, statuses, strict=True))
        assert len(found) == len(expected)
    names = [f"{k}.jpg" for k in range(250)]
    assert [name in found for name in names] == [name in expected for name in names]
    assert found.lacking(names).tolist() == [k for k, name in enumerate(names) if name not in expected]
    found.forget_failures()
    assert len(found) == sum(one == "ok" for one in expected.values())


def test_photos_as_columns_are_the_photos():
    items = [Item(str(k), f"p/{k}", focal_px=float(k) if k else None, camera="x" if k % 5 else "") for k in range(4500)]
    photos = Photos.of(iter(items))
    assert list(photos) == items and photos[4097] == items[4097] and photos[-1] == items[-1]
    # A list of photos would hold three hundred bytes of each.
    assert photos._table.nbytes / len(photos) < 60
    assert list(photos[1:4500:3]) == items[1:4500:3] and photos.first_twins() is None
    twins = Photos.of([*items, Item("17", "elsewhere"), Item("16", "elsewhere")])
    assert twins.first_twins() == (items[17], Item("17", "elsewhere"))
    with pytest.raises(InputError, match="no UTF-8"):
        Photos.of([Item("a\udcff.jpg", "a\udcff.jpg")])
