"""Results at an address, with a file system that fsspec keeps in memory; tests/batch/test_s3.py asks a real server."""

import pytest

from mfh.batch.address import Address, own_copy
from mfh.batch.columns import Photos
from mfh.batch.ledger import ASKED, PARTS, ROWS, SETTINGS, Ledger, note_asked, open_ledger
from mfh.batch.manifest import read_inputs, shard_of
from mfh.batch.run import run
from mfh.batch.status import standing
from mfh.errors import InputError
from tests.batch.stub import Here, picture
from tests.batch.test_run import SETTINGS as MADE_UP
from tests.batch.test_run import contents, items, job_for, measured, rows_of

pytest.importorskip("pyarrow")
fsspec = pytest.importorskip("fsspec")
__all__ = ["items"]


@pytest.fixture
def few(items):
    return Photos.of([*list(items)[:6], *list(items)[12:]])


@pytest.fixture
def store(monkeypatch, tmp_path):
    """What is at memory://."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def measured_at(url: str, items, *, shard: str | None = None, start=Here, **options):
    """Run over photos, as the command does."""
    address = Address(url)
    with own_copy(address, shard) as folder:
        address.fetch(folder, (SETTINGS, ASKED, ROWS), (PARTS,))
        ledger = open_ledger(folder, MADE_UP, address=address, apart=shard is not None)
        note_asked(ledger, len(items))
        job = type(job_for(folder, ""))(**{**vars(job_for(folder, ledger.mark)), "address": address})
        return run(shard_of(items, shard), ledger, lambda: start(job), **options)


def files(store, run: str) -> dict[str, bytes]:
    return {path.removeprefix(f"/{run}/"): store.cat_file(path) for path in store.find(f"/{run}")}


def fetched(tmp_path, url: str):
    Address(url).fetch(tmp_path, (ROWS,))
    return rows_of(tmp_path)


def test_files_and_rows_are_those_of_a_folder(tmp_path, items, store):
    assert measured_at("memory://run", items).counts == {"ok": 12, "no scale": 1, "failed": 1}
    measured(tmp_path / "local", items)
    there, local = files(store, "run"), contents(tmp_path / "local")
    assert set(there) == {*local, "rows.parquet", "asked.json"} and all(there[name] == local[name] for name in local)
    assert fetched(tmp_path / "copy", "memory://run") == rows_of(tmp_path / "local")
    assert not any((tmp_path / "tmp").iterdir())
    assert measured_at("memory://run", items, start=None).before == 14
    assert standing("memory://run")["status"] == {"ok": 12, "no scale": 1, "failed": 1}


def test_a_command_that_ends_anywhere_is_resumed(tmp_path, few, store, monkeypatch):
    put, left = Address.put, 0

    def until(self, folder, name):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        put(self, folder, name)

    monkeypatch.setattr("mfh.batch.run.ROWS_AT_ONCE", 2)
    monkeypatch.setattr(Address, "put", until)
    for more in (5, 12):
        left = more
        with pytest.raises(KeyboardInterrupt):
            measured_at("memory://run", few)
    monkeypatch.undo()
    measured_at("memory://run", few)
    measured(tmp_path / "local", few)
    there, local = files(store, "run"), contents(tmp_path / "local")
    assert set(there) == {*local, "rows.parquet", "asked.json"} and all(there[name] == local[name] for name in local)
    assert fetched(tmp_path / "copy", "memory://run") == rows_of(tmp_path / "local")


def test_parts_leave_the_rows_of_others_alone(tmp_path, few, store, monkeypatch):
    monkeypatch.setattr("mfh.batch.run.ROWS_AT_ONCE", 2)
    for shard in ("1/2", "2/2"):
        measured_at("memory://run", few, shard=shard)
    assert len(store.find("/run/parts")) == 2 and not store.exists("/run/rows.parquet")
    measured(tmp_path / "local", few)
    assert measured_at("memory://run", few, start=None).before == 8
    assert fetched(tmp_path / "copy", "memory://run") == rows_of(tmp_path / "local") and not store.find("/run/parts")


def test_a_store_that_refuses_is_one_line_and_no_row_is_lost(tmp_path, few, store, monkeypatch):
    def refuse(self, *given, **options):
        raise PermissionError("this key may not write")

    def late(self, rows):
        monkeypatch.setattr(type(store), "put_file", refuse)
        return write(self, rows)

    write = Ledger.write
    monkeypatch.setattr(Ledger, "write", late)
    with pytest.raises(InputError, match="cannot be written to .*may not write.*credentials for it") as caught:
        measured_at("memory://run", few)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert measured_at("memory://run", few).measured == 8


def test_a_photo_that_is_tried_again_has_its_last_row_though_no_command_ended(tmp_path, few, store, monkeypatch):
    for retry in (False, True):
        monkeypatch.setattr(Ledger, "compact", interrupted)
        with pytest.raises(KeyboardInterrupt):
            measured_at("memory://run", few, retry=retry)
        monkeypatch.undo()
        picture(tmp_path / "in" / "bad.jpg", 7)
    measured_at("memory://run", few, start=None)
    assert fetched(tmp_path / "copy", "memory://run")["bad.jpg"]["status"] == "ok"


def interrupted(*given):
    raise KeyboardInterrupt


def test_parts_that_vanish_while_they_are_read_are_looked_for_again(tmp_path, store, monkeypatch):
    for name in ("a", "b"):
        store.pipe_file(f"/run/parts/{name}.parquet", b"x")
    get = type(store).get_file

    def merged_meanwhile(self, path, target):
        if path.endswith("a.parquet"):
            store.rm_file("/run/parts/a.parquet")
            store.rm_file("/run/parts/b.parquet")
            store.pipe_file("/run/parts/c.parquet", b"xx")
        return get(self, path, target)

    monkeypatch.setattr(type(store), "get_file", merged_meanwhile)
    Address("memory://run").fetch(tmp_path / "copy", (), (PARTS,))
    assert [path.name for path in (tmp_path / "copy" / "parts").iterdir()] == ["c.parquet"]


def test_two_commands_of_one_machine_and_folders_are_refused(tmp_path, store):
    with own_copy(Address("memory://run"), None):
        with (
            pytest.raises(InputError, match="no locks at an address.*--shard 1/2"),
            own_copy(Address("memory://run"), None),
        ):
            pass
        with own_copy(Address("memory://run"), "1/2"):
            pass
    with pytest.raises(InputError, match="is a folder: give its path"), own_copy(Address("file:///tmp/x"), None):
        pass


def test_pictures_below_an_address(tmp_path, store):
    data = picture(tmp_path / "a.png").read_bytes()
    for name in ("b/2.png", "b/1.JPG", "notes.txt", "c.png"):
        store.pipe_file(f"/in/{name}", data)
    found = list(read_inputs(["memory://in/"]))
    assert [one.id for one in found] == ["b/1.JPG", "b/2.png", "c.png"]
    assert found[0].path == "memory://in/b/1.JPG"
    with pytest.raises(InputError, match="has no picture files"):
        read_inputs(["memory://nothing/"])
