"""Processes of one command: none outlives it, however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

WAITING = """
import os, sys, time
from mfh_lab.pocket.world.workers import in_processes

def wait(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    os.rename(path, path + ".pid")
    time.sleep(600)

if __name__ == "__main__":
    list(in_processes(wait, sys.argv[1:], workers=2))
"""


def is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(found, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.05)
    return found()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_workers_end_with_a_command_that_is_killed(tmp_path):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    paths = [tmp_path / "one.pid", tmp_path / "two.pid"]
    command = subprocess.Popen([sys.executable, script, *(path.with_suffix("") for path in paths)])
    try:
        assert until(lambda: all(path.exists() for path in paths)), "no worker began"
    finally:
        command.send_signal(signal.SIGKILL)
        command.wait()
    workers = [int(path.read_text()) for path in paths]
    assert len(set(workers)) == 2
    assert until(lambda: not any(map(is_there, workers))), "a worker outlived its command"
