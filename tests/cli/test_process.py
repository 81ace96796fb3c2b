"""The command as a real process: exit codes, streams, interruption, and what start-up does not import."""

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"


def process(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mfh.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=300,
    )


@pytest.fixture(autouse=True)
def _source_on_the_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["predict"], "no photo given"),
        (["predict", "absent.jpg"], "no such file"),
        (["predict", "absent.jpg", "--frobnicate"], "--frobnicate"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_errors_are_one_line_on_stderr_and_exit_code_2(tmp_path, words, expected):
    done = process(*words, folder=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and expected in done.stderr and "Traceback" not in done.stderr


def test_json_of_a_missing_photo(tmp_path):
    done = process("predict", "absent.jpg", "--json", folder=tmp_path)
    assert done.returncode == 2
    (photo,) = json.loads(done.stdout)["photos"]
    assert photo["photo"] == "absent.jpg" and "no such file" in photo["error"]


def test_help_and_version(tmp_path):
    help_text = process("--help", folder=tmp_path)
    assert help_text.returncode == 0 and help_text.stderr == ""
    for command in ("predict", "refit", "demo", "weights", "doctor"):
        assert command in help_text.stdout
    assert process(folder=tmp_path).stdout == help_text.stdout
    assert process("--version", folder=tmp_path).stdout.startswith("mfh 0.")


def test_help_imports_nothing_heavy(tmp_path):
    code = """
        import sys
        from mfh.cli.main import main
        assert main(["--help"]) == 0
        heavy = {"numpy", "cv2", "PIL", "onnxruntime", "ai_edge_litert", "torch", "rich", "jaxtyping"}
        print("heavy:", sorted(heavy & set(sys.modules)), file=sys.stderr)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr == "heavy: []\n"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interruption_is_quiet(tmp_path, photo_path):
    # The pipeline is replaced by one that waits, so that the signal always arrives in the middle of the work.
    code = f"""
        import signal, sys, time
        import mfh.pipeline

        # A runner in the background may have been started with the signal ignored, and children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from mfh.cli.main import main

        class Waiting:
            @classmethod
            def from_preset(cls, *_, **__):
                return cls()

            def __call__(self, *_, **__):
                print("working", flush=True)
                time.sleep(300)

        mfh.pipeline.MetricFromHuman = Waiting
        sys.exit(main(["predict", {str(photo_path)!r}, "--out", {str(tmp_path / "out")!r}]))
    """
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "working\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130 and err == "mfh: interrupted; files already written are whole\n"
    assert not (tmp_path / "out").exists()
