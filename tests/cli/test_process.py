"""The command as a real process: exit codes, streams, interruption, and what start-up does not import."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

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
        import mfh.pipeline.pipeline

        # A runner in the background may have been started with the signal ignored, and children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from mfh.cli.main import main

        class Waiting:
            @classmethod
            def from_config(cls, *_, **__):
                return cls()

            def __call__(self, *_, **__):
                print("working", flush=True)
                time.sleep(300)

        mfh.pipeline.pipeline.MetricFromHuman = Waiting
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


posix = pytest.mark.skipif(os.name != "posix", reason="POSIX shells, signals and devices")
COMMAND = f"{sys.executable} -m mfh.cli.main"
# Models are replaced, so that it is the command that is tried, and quickly.
FAKE = """
    import signal
    import sys
    import mfh.pipeline.pipeline

    # A runner in the background may have been started with the signal ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from dataclasses import replace
    from mfh.types import MetricDepth, MetricHead, RelativeDepth
    import numpy as np

    class Fake:
        @classmethod
        def from_config(cls, *_, **__):
            return cls()

        def __call__(self, photo, *_):
            if "bad" in photo.name:
                raise KeyError("nobody has thought of this")
            if "slow" in photo.name:
                import os, time
                # At once: a stream that Ctrl-C meets while it writes may write again.
                os.write(2, b"working\\n")
                time.sleep(300)
            values = np.full(photo.pixels.shape[:2], 2.0, np.float32)
            head = MetricHead(1.0, 0.0, "depth", 0.0)
            return MetricDepth(photo, RelativeDepth(values, "depth"), head, 200.0, (), "pocket", {}, 0, 0, 0)

    mfh.pipeline.pipeline.MetricFromHuman = Fake
    from mfh.cli.main import main
    sys.exit(main())
"""


@pytest.fixture
def shell(tmp_path, photo_path):
    """Run a line of a shell where MFH is the command and FAKE the same without models; returns what came of it."""
    (tmp_path / "fake.py").write_text(textwrap.dedent(FAKE))
    work = tmp_path / "work"
    work.mkdir()

    def run(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        names = {"MFH": COMMAND, "FAKE": f"{sys.executable} {tmp_path / 'fake.py'}", "PHOTO": str(photo_path)}
        return subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            text=True,
            cwd=work,
            check=False,
            timeout=300,
            env={**os.environ, **names, **environment},
        )

    return run


@posix
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$MFH --help >&-", 2, "cannot print to standard output (Bad file descriptor)"),
        ("$MFH --help >/dev/full", 2, "cannot print to standard output (No space left on device)"),
        ("$MFH predict --frobnicate >&- 2>&-", 2, ""),
        ("$MFH predict --frobnicate 2>/dev/full", 2, ""),
        ("$FAKE predict $PHOTO <&- >&- 2>&-", 2, ""),
        ("$FAKE predict $PHOTO --quiet <&- >&- 2>&-", 0, ""),
        ("$FAKE predict $PHOTO --json >/dev/full", 2, "No space left on device"),
        ("$FAKE predict $PHOTO 2>&-", 0, ""),
    ],
)
def test_streams_that_take_nothing(shell, line, code, said):
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = shell(line)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == bool(said) and said in done.stderr


@posix
def test_files_are_whole_though_nothing_could_be_printed(shell, tmp_path):
    """A closed descriptor must not be given to a file that is written."""
    from mfh.io.depth import read_depth_npz

    assert shell("$FAKE predict $PHOTO --out out <&- >&- 2>&-").returncode == 2
    folder = tmp_path / "work" / "out" / "photo"
    assert (read_depth_npz(folder / "depth.npz").depth_m == 2).all()
    assert json.loads((folder / "receipt.json").read_text())["depth_m"]["median"] == 2


@posix
@pytest.mark.parametrize("line", ["$MFH --help", "$FAKE predict $PHOTO", "$FAKE predict $PHOTO --json"])
def test_a_reader_that_goes_away(shell, line):
    done = shell(line + " | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("0\n", "")


@posix
@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_streams_of_few_letters(shell, environment):
    environment |= {"PYTHONCOERCECLOCALE": "0"}
    table = shell("$FAKE predict $PHOTO --out résultats", **environment)
    assert (table.returncode, table.stderr) == (0, "") and "2.00 m median" in table.stdout
    told = shell("$FAKE predict $PHOTO --out résultats --json", **environment)
    folder = json.loads(told.stdout)["photos"][0]["folder"]
    assert folder.encode(errors="surrogateescape").decode() == "résultats/photo", "nothing is lost, if all is escaped"
    refused = shell("$FAKE predict nö.jpg", **environment)
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1


@posix
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("$MFH --help", 0, ""),
        ("$FAKE predict photo.jpg", 2, "no longer exists"),
        ("$FAKE predict $PHOTO --out $PHOTO.out --quiet", 0, ""),
        ("$FAKE predict $PHOTO", 2, "no longer exists"),
    ],
)
def test_a_working_folder_that_is_gone(shell, words, code, said):
    done = shell(f"mkdir gone && cd gone && rmdir ../gone && {words}")
    assert done.returncode == code and said in done.stderr and len(done.stderr.splitlines()) == bool(said)


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "--json"],
        ["predict", "absent.jpg", "--json", "--frobnicate"],
        ["predict", "absent.jpg", "--seed", "many", "--json"],
        ["predict", "absent.jpg", "--json", "--preset", "none"],
        ["refit", "absent.npz", "--json"],
        ["frobnicate", "--json"],
    ],
)
def test_json_is_one_object_whatever_is_wrong(tmp_path, words):
    done = process(*words, folder=tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    tree = json.loads(done.stdout)
    assert tree["photos"] == [] and f"mfh: {tree['error']}\n" == done.stderr


@posix
def test_json_of_an_interrupted_run_has_what_was_measured(shell, tmp_path, photo_path):
    import shutil

    shell("true")
    slow = shutil.copy(photo_path, tmp_path / "slow.jpg")
    words = [sys.executable, tmp_path / "fake.py", "predict", photo_path, slow, "--json", "--out", tmp_path / "out"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None and running.stderr.readline() == "working\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    tree = json.loads(out)
    assert running.returncode == 130 and err == "mfh: interrupted; files already written are whole\n"
    assert [photo["photo"] for photo in tree["photos"]] == [str(photo_path)]
    assert tree["error"] == "interrupted; files already written are whole"


def test_a_fault_with_one_photo_does_not_cost_the_others(shell, tmp_path, photo_path):
    import shutil

    for name in ("bad.jpg", "other.jpg"):
        shutil.copy(photo_path, tmp_path / "work" / name)
    done = shell("$FAKE predict bad.jpg other.jpg --json --out out")
    bad, other = json.loads(done.stdout)["photos"]
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "fault in mfh" in done.stderr
    assert bad["error_kind"] == "KeyError" and other["depth_m"]["median"] == 2
    shown = shell("$FAKE predict bad.jpg --out out", MFH_TRACEBACK="1")
    assert "Traceback" in shown.stderr and "nobody has thought of this" in shown.stderr


@posix
def test_an_interruption_between_two_imports_is_an_object_too(tmp_path):
    """The module that prints objects is there, and the command line is not known to it yet."""
    code = """
        import os, signal, sys
        from mfh.cli import interruption
        interruption.look_after(expects_json=True)
        import mfh.cli.json_answer
        os.kill(os.getpid(), signal.SIGINT)
    """
    usual = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", usual + textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 130 and "interrupted" in json.loads(done.stdout)["error"]


@posix
@pytest.mark.parametrize("twice", [False, True])
def test_interruption_at_any_moment(tmp_path, photo_path, twice):
    """From before the imports until after the last line: one line and 130, or what would have come without."""
    code = f"""
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from mfh.cli.main import main
        sys.argv = ["mfh", "predict", {str(photo_path)!r}, "--json", "--out", {str(tmp_path / "out")!r}]
        sys.stderr.write("ready\\n")
        sys.exit(main())
    """

    def start() -> tuple[subprocess.Popen[str], float]:
        words = [sys.executable, "-c", textwrap.dedent(code)]
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert running.stderr is not None and running.stderr.readline() == "ready\n"
        return running, time.monotonic()

    running, begin = start()
    usual_out, _ = running.communicate(timeout=120)
    whole_s, usual = time.monotonic() - begin, running.returncode
    json.loads(usual_out)
    rng = random.Random(int(twice))
    for _ in range(5):
        running, _ = start()
        time.sleep(0.03 + rng.random() ** 2 * whole_s)
        running.send_signal(signal.SIGINT)
        if twice:
            time.sleep(rng.random() * 0.02)
            running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        if running.returncode != usual:
            assert (running.returncode, err) == (130, "mfh: interrupted; files already written are whole\n")
            assert "interrupted" in json.loads(out)["error"]
        assert len(err.splitlines()) <= 1 and "photos" in json.loads(out)


def test_the_package_runs_as_a_module_and_h_is_help():
    for words in (["-m", "mfh", "--version"], ["-m", "mfh", "predict", "-h"]):
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
        assert done.returncode == 0 and ("mfh 0." in done.stdout or "Usage: mfh predict" in done.stdout)


def test_the_research_verbs_have_one_text(run_mfh):
    """The list of commands, which imports none of them, says what each of them says itself."""
    from mfh.cli.research import RESEARCH

    for verb, (_, line) in RESEARCH.items():
        assert line in " ".join(run_mfh(verb, "--help").out.split())
