"""A table and a figure by the command, killed as it measures and started again: the same bytes as undisturbed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from benchmarks.nyu_rooms import write_rooms
from benchmarks.study_tables import command, results, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write_rooms(folder / "rooms", 2)
    for name in ("calm", "killed"):
        (folder / name).mkdir()
    return folder


def kill_at(words: list[str], folder: Path, answers: int) -> bool:
    """Start a command, and kill it once the models have given so many answers; whether it was killed."""
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    while process.poll() is None:
        if len(list((folder / "out" / "answers").rglob("*.npz"))) >= answers:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.01)
    assert process.returncode == 0, process.stderr.read() if process.stderr else ""
    return False


@pytest.mark.parametrize(
    ("name", "workers", "kills"), [("table5", 1, (2, 5, 9)), ("fig10", 1, (1, 12)), ("table4", 2, (3, 17))]
)
def test_killed_and_started_again_it_gives_the_same_bytes(work: Path, name: str, workers: int, kills: tuple[int, ...]):
    words = command(name, work / "rooms", limit=2, workers=workers, extra=("--preset", "pocket"))
    assert run(words, work / "calm")
    for answers in kills:
        kill_at(words, work / "killed", answers)
    assert run(words, work / "killed")
    calm = results(work / "calm", name)
    assert f"out/paper/{name}.png" in calm and f"out/paper/{name}.pdf" in calm and f"out/paper/{name}.md" in calm
    killed = results(work / "killed", name)
    assert list(killed) == list(calm)
    assert [path for path, content in calm.items() if killed[path] != content] == []
