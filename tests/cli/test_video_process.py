"""``mfh video`` as a real process: killed, interrupted, and run twice at once."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.video.test_run import COUNT, same_files, walking
from tests.video.world import write_pictures

pytest.importorskip("OpenEXR")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="POSIX signals")]
REPOSITORY = Path(__file__).resolve().parents[2]
# The networks know the clip; where they are to wait, they say which frame they were asked of.
CODE = """
    import os, signal, sys, time
    # A runner in the background may have been started with the signal ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import mfh.pipeline.pipeline
    from tests.video.test_run import walking
    from tests.video.world import Truth, WorldDepth, pipeline_of

    class Slow(WorldDepth):
        def predict(self, photos):
            answer = super().predict(photos)
            if wait := float(os.environ.get("WAIT_S", 0)):
                os.write(1, b"%d\\n" % self.truth.asked[-1])
                time.sleep(wait)
            return answer

    truth = Truth(list(walking()))
    pipeline = pipeline_of(truth)
    pipeline.relative_depth = Slow(truth)

    class Made(mfh.pipeline.pipeline.MetricFromHuman):
        @classmethod
        def from_config(cls, config, **_):
            return pipeline

    mfh.pipeline.pipeline.MetricFromHuman = Made
    from mfh.cli.main import main
    sys.exit(main(["video", "clip", "--focal-px", "150", "--people-every", "0.05", *sys.argv[1:]]))
"""


@pytest.fixture
def start(tmp_path):
    """Start the command in a folder with a clip; it waits at each frame."""
    write_pictures(tmp_path / "clip", walking())
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"}

    def started(*words: str, wait_s: float = 0.0) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CODE), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**environment, "WAIT_S": str(wait_s)},
        )

    return started


def until(running: subprocess.Popen[str], frame: int) -> None:
    """Wait until a frame is watched."""
    assert running.stdout is not None
    while (line := running.stdout.readline().strip()) != str(frame):
        assert line, f"it ended before frame {frame}: {running.stderr and running.stderr.read()}"


def test_killed_at_any_frame_the_same_command_gives_the_same_bytes(start, tmp_path):
    whole = start("--out", "whole", "--quiet")
    assert whole.wait(timeout=120) == 0
    for frame in (1, COUNT - 1):
        running = start("--out", "out", "--quiet", wait_s=0.3)
        until(running, frame)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        assert not (tmp_path / "out" / "clip").exists()
    _, said = start("--out", "out", "--quiet").communicate(timeout=120)
    assert said == ""
    same_files(tmp_path / "whole" / "clip", tmp_path / "out" / "clip")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip"], "no records and no locks are left"


def test_two_at_once_and_the_second_says_so_in_one_line(start, tmp_path):
    first = start("--out", "out", "--quiet", wait_s=60.0)
    until(first, 0)
    second = start("--out", "out", "--quiet")
    _, said = second.communicate(timeout=120)
    assert second.returncode == 2 and len(said.splitlines()) == 1
    assert "is being written to by another process" in said
    assert first.poll() is None, "and does not disturb the first"
    first.kill()
    first.communicate(timeout=60)
    assert not (tmp_path / "out" / "clip").exists()


def test_an_interruption_is_one_line_and_the_same_command_goes_on(start, tmp_path):
    running = start("--out", "out", "--quiet", wait_s=30.0)
    until(running, 0)
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and said == "mfh: interrupted; files already written are whole\n"
    assert start("--out", "out", "--quiet").wait(timeout=120) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip"]
