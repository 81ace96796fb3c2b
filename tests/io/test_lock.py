"""One process at a time holds a folder; the lock dies with its process and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mfh.errors import InputError
from mfh.io import lock
from mfh.io.lock import folder_lock

HOLD = """
import sys, time
from mfh.io.lock import folder_lock
with folder_lock(sys.argv[1], wait_s=0):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
COUNT = """
import sys, time
from pathlib import Path
from mfh.io.lock import folder_lock
number = Path(sys.argv[2])
for _ in range(20):
    with folder_lock(sys.argv[1], wait_s=60):
        count = int(number.read_text())
        time.sleep(0.002)
        number.write_text(str(count + 1))
"""


def start(code: str, *words: object, **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], text=True, **options)


def holder(folder: Path, seconds: float) -> subprocess.Popen:
    process = start(HOLD, folder, seconds, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_the_second_process_says_so_in_one_line(tmp_path):
    process = holder(tmp_path / "out", 60)
    try:
        with pytest.raises(InputError, match=r"out is being written to by another process") as caught:
            with folder_lock(tmp_path / "out", wait_s=0.0):
                pass
        assert "\n" not in str(caught.value)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_second_process_waits(tmp_path):
    process = holder(tmp_path / "out", 0.5)
    with folder_lock(tmp_path / "out", wait_s=30.0):
        assert process.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_process_leaves_no_lock(tmp_path):
    process = holder(tmp_path / "out", 60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]
    with folder_lock(tmp_path / "out", wait_s=0.0):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_no_two_processes_are_ever_inside(tmp_path):
    (tmp_path / "number").write_text("0")
    workers = [start(COUNT, tmp_path / "out", tmp_path / "number") for _ in range(4)]
    assert [process.wait(120) for process in workers] == [0] * 4
    assert (tmp_path / "number").read_text() == "80"
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


@pytest.mark.slow
def test_threads_exclude_each_other_too(tmp_path):
    order = []

    def work(number: int) -> None:
        with folder_lock(tmp_path, wait_s=30.0):
            order.append(number)
            time.sleep(0.01)
            order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order[::2] == order[1::2] and sorted(order[::2]) == [0, 1, 2, 3]


def test_paths_to_one_folder_are_one_lock(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "real")
    for other in (tmp_path / "link", Path("."), tmp_path / "real" / ".." / "real"):
        with folder_lock(tmp_path / "real", wait_s=0.0), pytest.raises(InputError), folder_lock(other, wait_s=0.0):
            pass
    with folder_lock(tmp_path / "real", wait_s=0.0), folder_lock(tmp_path / "other", wait_s=0.0):
        pass


def test_it_is_free_again_after_a_failure(tmp_path):
    with pytest.raises(KeyError), folder_lock(tmp_path / "a" / "out", wait_s=0.0):
        raise KeyError
    with folder_lock(tmp_path / "a" / "out", wait_s=0.0):
        assert not (tmp_path / "a" / "out").exists()


def refuse_beside(monkeypatch, folder: Path, number: int) -> None:
    open_before = os.open

    def refusing(path, *words):
        if Path(path).parent == folder:
            raise OSError(number, os.strerror(number))
        return open_before(path, *words)

    monkeypatch.setattr(lock.os, "open", refusing)


def test_it_lies_inside_where_nothing_can_be_written_beside(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    refuse_beside(monkeypatch, tmp_path, 13)
    with folder_lock(tmp_path / "out", wait_s=0.0):
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
        with pytest.raises(InputError, match="another process"), folder_lock(tmp_path / "out", wait_s=0.0):
            pass
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(InputError, match=r"new cannot be written to \(Permission denied\)"):
        with folder_lock(tmp_path / "new", wait_s=0.0):
            pass


def test_what_cannot_be_a_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "file" / "out", "a\0b", tmp_path / ("x" * 300) / "out", tmp_path / "loop" / "out"):
        with pytest.raises(InputError, match="cannot be written to") as caught, folder_lock(path, wait_s=0.0):
            pass
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_a_read_only_place_is_one_line():
    with pytest.raises(InputError, match="cannot be written to"), folder_lock("/proc/out", wait_s=0.0):
        pass


@pytest.mark.skipif(os.name == "nt", reason="flock")
def test_a_file_system_without_locks_has_none(tmp_path, monkeypatch):
    asked = []

    def without(handle, kind):
        asked.append(kind)
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(lock.fcntl, "flock", without)
    with folder_lock(tmp_path / "out", wait_s=0.0), folder_lock(tmp_path / "out", wait_s=0.0):
        assert len(asked) >= 2, "both asked for a lock, and neither waits for the other"
