"""A model's folder has one owner: swapped in whole, and what was not made by it is never lost."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mfh.errors import WeightsError
from mfh.weights import model_folder
from mfh.weights.manifest import MANIFEST, ListedFile, Manifest, write_manifest
from mfh.weights.model_folder import (
    ModelFolder,
    check_replaceable,
    install_folder,
    locked,
    partial_folder,
    staging_folder,
    sweep,
)


def silent(step: str, fraction: float) -> None:
    pass


def fill(folder: Path, word: str, *, listed: bool = True) -> None:
    """Write a model of two files, in which every file says which model it is of."""
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    for name in ("a.bin", "deep/b.bin"):
        (folder / name).write_text(word)
    if listed:
        digest = hashlib.sha256(word.encode()).hexdigest()
        files = tuple(ListedFile(name, len(word), digest) for name in ("a.bin", "deep/b.bin"))
        write_manifest(folder, Manifest("hf:org/name", word, files))


def put(place: ModelFolder, word: str) -> None:
    with locked(place, report=silent), staging_folder(place) as new:
        fill(new, word)
        install_folder(new, place)


def words(folder: Path) -> set[str]:
    return {(folder / name).read_text() for name in ("a.bin", "deep/b.bin")}


@pytest.fixture
def place(tmp_path) -> ModelFolder:
    return ModelFolder(tmp_path / "cache" / "model")


def test_what_was_listed_gives_way_and_nothing_stays_beside(place):
    put(place, "old")
    put(place, "new")
    assert words(place.folder) == {"new"}
    assert [path.name for path in place.folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("change", ["foreign", "changed", "link", "manifest", "folder link"])
def test_what_was_not_listed_is_kept_whole(place, change, tmp_path, caplog):
    put(place, "old")
    folder = place.folder
    if change == "foreign":
        (folder / "deep" / "notes.txt").write_text("mine")
    elif change == "changed":
        (folder / "a.bin").write_text("mine")
    elif change == "link":
        (folder / "a.bin").unlink()
        (tmp_path / "mine").write_text("old")
        (folder / "a.bin").symlink_to(tmp_path / "mine")
    elif change == "manifest":
        (folder / MANIFEST).write_text("mine")
    else:
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    before = {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}
    put(place, "new")
    kept = folder.with_name("model.replaced-1")
    assert words(folder) == {"new"} and not folder.is_symlink()
    assert {path.relative_to(kept): path.read_text() for path in kept.rglob("*") if path.is_file()} == before
    assert "it is kept in" in caplog.text and str(kept) in caplog.text
    (folder / "more.txt").write_text("mine too")
    put(place, "newer")
    assert (folder.with_name("model.replaced-2") / "more.txt").read_text() == "mine too"


def test_what_only_the_user_can_get_is_kept_though_it_is_listed(place):
    user_supplied = ModelFolder(place.folder, user_supplied=True)
    put(user_supplied, "old")
    put(user_supplied, "new")
    assert words(place.folder) == {"new"} and words(place.folder.with_name("model.replaced-1")) == {"old"}


def test_without_a_manifest_the_known_digests_say_what_may_go(tmp_path):
    digest = hashlib.sha256(b"old").hexdigest()
    place = ModelFolder(tmp_path / "model", {"a.bin": digest, "deep/b.bin": digest})
    fill(place.folder, "old", listed=False)
    put(place, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    (tmp_path / "other").mkdir()
    unknown = ModelFolder(tmp_path / "other" / "model")
    fill(unknown.folder, "old", listed=False)
    put(unknown, "new")
    assert words(unknown.folder.with_name("model.replaced-1")) == {"old"}


def test_foreign_files_are_in_the_way_until_the_user_says_otherwise(place):
    check_replaceable(place, replace=False)
    put(place, "old")
    check_replaceable(place, replace=False)
    (place.folder / "notes.txt").write_text("mine")
    with pytest.raises(
        WeightsError, match=r"model holds notes\.txt, which this would replace .*: move it away, or say"
    ):
        check_replaceable(place, replace=False)
    check_replaceable(place, replace=True)
    (place.folder / "notes.txt").unlink()
    with pytest.raises(WeightsError, match=r"holds a\.bin and 2 more"):
        check_replaceable(ModelFolder(place.folder, user_supplied=True), replace=False)
    (place.folder / MANIFEST).write_text("{")
    with pytest.raises(WeightsError, match=r"holds a\.bin and 1 more"):
        check_replaceable(place, replace=False)


def killed_at(step: int, place: ModelFolder) -> bool:
    """Put another model there in a process that is killed before it changes the disk for the n-th time."""
    child = os.fork()
    if child == 0:
        count = 0

        def dying(real):
            def call(*arguments, **options):
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)

            return call

        for name in ("rename", "unlink", "rmdir", "mkdir", "replace"):
            setattr(os, name, dying(getattr(os, name)))
            if hasattr(Path, name):
                setattr(Path, name, dying(getattr(Path, name)))
        put(place, "new")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked on this system")
def test_a_kill_at_any_step_of_a_swap_leaves_one_model_whole_and_the_next_run_goes_on(place):
    put(place, "old")
    found, step = [], 1
    while killed_at(step, place):
        there = place.folder.exists()
        assert there or model_folder.is_interrupted(place)
        left = words(place.folder if there else place.folder.with_name(".model~old"))
        assert left in ({"old"}, {"new"})
        found.append((there, *left))
        put(place, "old")
        assert words(place.folder) == {"old"}
        assert [path.name for path in place.folder.parent.iterdir()] == ["model"]
        step += 1
    # In place before and after, and not at one moment only; then nothing is left that could be killed.
    assert {(True, "old"), (False, "old"), (True, "new")} == set(found) and words(place.folder) == {"new"}


def test_an_interrupted_swap_is_undone_by_the_next_owner(place):
    put(place, "old")
    place.folder.rename(place.folder.with_name(".model~old"))
    fill(place.folder.with_name(".model~new"), "half")
    assert model_folder.is_interrupted(place)
    with locked(place, report=silent):
        assert words(place.folder) == {"old"}
    assert not model_folder.is_interrupted(place)
    assert [path.name for path in place.folder.parent.iterdir()] == ["model"]


def test_partial_downloads_of_another_state_are_removed_and_links_are_not_followed(place, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    with locked(place, report=silent):
        (partial_folder(place, "aaaa") / "x.part").write_text("half")
        assert (partial_folder(place, "aaaa") / "x.part").read_text() == "half"
        other = partial_folder(place, "bbbb")
        assert list(place.folder.parent.glob(".model~partial*")) == [other]
        other.rmdir()
        other.symlink_to(tmp_path / "mine")
        assert not partial_folder(place, "bbbb").is_symlink()
    assert (tmp_path / "mine" / "file").read_text() == "mine"


def test_leftovers_beside_a_whole_model_are_swept_and_other_names_are_not(place):
    put(place, "old")
    parent = place.folder.parent
    for name in (".model~new", ".model~partial-aaaa", ".model-2~new", ".model.partial", "model~new"):
        (parent / name).mkdir()
        (parent / name / "file").write_text("x")
    sweep(place)
    assert sorted(path.name for path in parent.iterdir()) == [".model-2~new", ".model.partial", "model", "model~new"]
    sweep(ModelFolder(parent / "nowhere" / "model"))
    assert not (parent / "nowhere").exists()


@pytest.mark.slow
def test_the_second_process_waits_and_then_says_so(place, monkeypatch):
    put(place, "old")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom mfh.weights.model_folder import *\n"
        "with locked(ModelFolder(Path(sys.argv[1])), report=print):\n print('held', flush=True)\n time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(place.folder)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        steps: list[str] = []
        monkeypatch.setattr(model_folder, "WAIT_S", 0.3)
        with pytest.raises(WeightsError, match="is being written to by another process for 0.3 s: wait until"):
            with locked(place, report=lambda step, fraction: steps.append(step)):
                raise AssertionError("two at once")
        assert steps == ["waiting for another process"]
        monkeypatch.setattr(model_folder, "WAIT_S", 60.0)
        threading.Timer(0.3, holder.kill).start()
        put(place, "new")
        assert words(place.folder) == {"new"}
    finally:
        holder.kill()
        holder.wait()
