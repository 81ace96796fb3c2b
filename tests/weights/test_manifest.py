"""A file that changed is read again, whatever its size; one that has not is not."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from mfh.errors import InputError, WeightsError
from mfh.weights import manifest
from mfh.weights.manifest import ListedFile, Manifest, check_listed, check_unchanged, note_of, write_manifest


@pytest.fixture
def model(tmp_path, monkeypatch) -> Path:
    """A model whose file was written long ago, and a process that has seen nothing yet."""
    monkeypatch.setattr(manifest, "_seen", {})
    monkeypatch.setattr(manifest, "_UNSETTLED_NS", -(10**18))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "net.bin").write_bytes(b"numbers")
    return folder


@pytest.fixture
def read(monkeypatch) -> list[Path]:
    """The files that were read whole."""
    files: list[Path] = []
    real = manifest.check_digest
    monkeypatch.setattr(manifest, "check_digest", lambda file, *a, **k: files.append(file) or real(file, *a, **k))
    return files


DIGESTS = {"net.bin": hashlib.sha256(b"numbers").hexdigest(), "other": None}


def new_process(monkeypatch) -> None:
    monkeypatch.setattr(manifest, "_seen", {})


def test_a_file_is_read_once_by_all_processes(model, read, monkeypatch):
    for _ in range(2):
        check_unchanged(model, DIGESTS, fix="fetch it")
    assert read == [model / "net.bin"]
    new_process(monkeypatch)
    check_unchanged(model, DIGESTS, fix="fetch it")
    assert len(read) == 1, "the note says that it was read"


def test_a_changed_byte_at_the_same_size_and_time_is_found(model, read, monkeypatch):
    check_unchanged(model, DIGESTS, fix="fetch it")
    before = (model / "net.bin").stat()
    (model / "net.bin").write_bytes(b"numbars")
    os.utime(model / "net.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        with pytest.raises(WeightsError, match=r"net\.bin has sha256 .*, expected .*: fetch it"):
            check_unchanged(model, DIGESTS, fix="fetch it")
    new_process(monkeypatch)
    with pytest.raises(WeightsError):
        check_unchanged(model, DIGESTS, fix="fetch it")
    (model / "net.bin").write_bytes(b"numbers")
    check_unchanged(model, DIGESTS, fix="fetch it")


def test_another_expected_digest_is_compared_anew(model, read):
    check_unchanged(model, DIGESTS, fix="fetch it")
    with pytest.raises(WeightsError, match="expected 000000000000"):
        check_unchanged(model, {"net.bin": "0" * 64}, fix="fetch it")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[",
        "[]",
        "null",
        '{"net.bin": 5}',
        '{"net.bin": [1, 2, 3, 4, "x"]}',
        "[" * 100_000,
        "\0" * 50,
        "folder",
        None,
    ],
)
def test_a_note_that_is_missing_or_damaged_costs_time_and_nothing_else(model, read, monkeypatch, note):
    check_unchanged(model, DIGESTS, fix="fetch it")
    (note_of(model)).unlink()
    if note == "folder":
        note_of(model).mkdir()
    elif note is not None:
        note_of(model).write_text(note)
    new_process(monkeypatch)
    check_unchanged(model, DIGESTS, fix="fetch it")
    assert len(read) == 2
    (model / "net.bin").write_bytes(b"numbars")
    new_process(monkeypatch)
    with pytest.raises(WeightsError):
        check_unchanged(model, DIGESTS, fix="fetch it")


def test_a_note_about_another_state_of_the_file_is_not_believed(model, read, monkeypatch):
    check_unchanged(model, DIGESTS, fix="fetch it")
    states = json.loads(note_of(model).read_text())
    for k in range(4):
        other = {"net.bin": [*states["net.bin"]]}
        other["net.bin"][k] += 1
        note_of(model).write_text(json.dumps(other))
        new_process(monkeypatch)
        check_unchanged(model, DIGESTS, fix="fetch it")
    assert len(read) == 5


def test_in_a_cache_that_is_read_only_a_file_is_read_once_a_process(model, read, monkeypatch):
    def refuse(path):
        raise InputError("read only")

    monkeypatch.setattr(manifest, "atomic_path", refuse)
    for _ in range(2):
        check_unchanged(model, DIGESTS, fix="fetch it")
    assert len(read) == 1 and not note_of(model).exists()
    new_process(monkeypatch)
    check_unchanged(model, DIGESTS, fix="fetch it")
    assert len(read) == 2


def test_a_file_written_a_moment_ago_is_not_noted_yet(model, read, monkeypatch):
    # Where a file system counts in seconds, it could change again without its times showing it.
    monkeypatch.setattr(manifest, "_UNSETTLED_NS", 10**12)
    check_unchanged(model, DIGESTS, fix="fetch it")
    new_process(monkeypatch)
    check_unchanged(model, DIGESTS, fix="fetch it")
    assert len(read) == 2


def test_a_file_that_changes_while_it_is_read_is_not_taken(model, monkeypatch):
    def reading(file, expected, *, fix):
        file.write_bytes(b"other numbers")

    monkeypatch.setattr(manifest, "check_digest", reading)
    with pytest.raises(WeightsError, match="changed while it was read"):
        check_unchanged(model, DIGESTS, fix="fetch it")


def test_a_model_with_a_manifest(model, read):
    write_manifest(model, Manifest("x", "1", (ListedFile("net.bin", 7, str(DIGESTS["net.bin"])),)))
    check_listed(model, fix="fetch it")
    check_listed(model, fix="fetch it")
    assert len(read) == 1
    (model / "net.bin").write_bytes(b"num")
    with pytest.raises(WeightsError, match=r"net\.bin is missing, or not whole: fetch it"):
        check_listed(model, fix="fetch it")


def test_nothing_is_read_twice_to_find_out_that_nothing_changed(model):
    digests = {}
    for k in range(20):
        (model / f"{k}.bin").write_bytes(bytes(1_000_000))
        digests[f"{k}.bin"] = hashlib.sha256(bytes(1_000_000)).hexdigest()
    check_unchanged(model, digests, fix="")
    begin = time.perf_counter()
    for _ in range(10):
        check_unchanged(model, digests, fix="")
    assert time.perf_counter() - begin < 0.1, "a look at each file, and no reading of 20 MB"
