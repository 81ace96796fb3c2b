"""The folder of results: replaced whole, by its owner alone, and never at the cost of anybody else's file."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from mfh.errors import InputError
from mfh.io.contents import RECEIPT
from mfh.io.lock import folder_lock
from mfh.io.results import Place, check_place, check_results, result_folders, write_results

DEPTH = ("depth.npz", "depth.png", "preview.png")


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a photo")
    return path


def filler(photo: Path, text: str, *more: str):
    """Write files with a text, as one run would."""

    def fill(folder: Path) -> dict[str, object]:
        for name in (*DEPTH, *more):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"{text} {name}")
        return {"photo": os.path.realpath(photo), "run": text}

    return fill


def snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def texts(folder: Path) -> set[str]:
    """Return the first words of all files but receipts and what is hidden."""
    shown = [path for path in snapshot(folder) if not any(part.startswith(".") for part in Path(path).parts)]
    return {(folder / name).read_text().split()[0] for name in shown if Path(name).name != RECEIPT}


def test_results_are_whole_and_say_what_they_are(photo, tmp_path):
    written = write_results(Place(tmp_path / "out", photo), filler(photo, "one"))
    assert written.folder == tmp_path / "out" / "photo" and not written.passed_over
    assert json.loads((written.folder / RECEIPT).read_text()) == written.receipt
    assert sorted(snapshot(tmp_path / "out")) == sorted(f"photo/{name}" for name in (*DEPTH, RECEIPT))
    assert check_results(written.folder).problems == () and check_results(written.folder).files == 3


def test_the_same_photo_again_replaces_its_results_and_nothing_else(photo, tmp_path):
    place = Place(tmp_path / "out", photo)
    folder = write_results(place, filler(photo, "one", "paintings/00.png", "paintings/01.png", "strip.png")).folder
    (folder / "notes.txt").write_text("mine")
    (folder / "paintings" / "02.png").write_text("mine")
    again = write_results(place, filler(photo, "two", "paintings/00.png", "strip.png"))
    assert again.folder == folder and again.receipt["from_earlier_run"] == []
    assert (folder / "notes.txt").read_text() == (folder / "paintings" / "02.png").read_text() == "mine"
    assert not (folder / "paintings" / "01.png").exists(), "an old painting is not one of the new run"
    assert (folder / "paintings" / "00.png").read_text() == "two paintings/00.png"
    assert check_results(folder).problems == ()


def test_expensive_files_stay_until_a_run_replaces_them(photo, tmp_path):
    place = Place(tmp_path / "out", photo)
    write_results(place, filler(photo, "one", "evidence.npz", "paintings/00.png", "strip.png"))
    folder = write_results(place, filler(photo, "two")).folder
    receipt = json.loads((folder / RECEIPT).read_text())
    assert receipt["from_earlier_run"] == ["evidence.npz", "paintings/00.png", "strip.png"]
    assert (folder / "evidence.npz").read_text().startswith("one") and check_results(folder).problems == ()
    write_results(place, filler(photo, "three", "evidence.npz"))
    assert (folder / "evidence.npz").read_text().startswith("three")
    assert (folder / "strip.png").read_text().startswith("one")


@pytest.mark.parametrize("name", DEPTH)
def test_what_somebody_else_wrote_or_changed_is_passed_over(photo, tmp_path, name):
    place = Place(tmp_path / "out", photo)
    foreign = tmp_path / "out" / "photo" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    second = write_results(place, filler(photo, "one"))
    assert second.folder.name == "photo-2" and str(foreign) in second.passed_over and foreign.read_text() == "mine"
    changed = second.folder / name
    changed.write_text("mine too")
    third = write_results(place, filler(photo, "two"))
    assert third.folder.name == "photo-3" and changed.read_text() == "mine too"


@pytest.mark.parametrize(
    "receipt",
    ["{}", "no json", "[" * 99999, '{"photo": 3}', '{"photo": "PHOTO"}', '{"photo": "PHOTO", "contents": {}}'],
)
def test_a_receipt_that_cannot_be_relied_on_owns_nothing(photo, tmp_path, receipt):
    folder = tmp_path / "out" / "photo"
    folder.mkdir(parents=True)
    (folder / RECEIPT).write_text(receipt.replace("PHOTO", str(photo)))
    (folder / "depth.npz").write_text("precious")
    before = snapshot(tmp_path / "out")
    assert write_results(Place(tmp_path / "out", photo), filler(photo, "one")).folder.name == "photo-2"
    assert before.items() <= snapshot(tmp_path / "out").items()


def test_a_receipt_cannot_name_files_outside(photo, tmp_path):
    place = Place(tmp_path / "out", photo)
    folder = write_results(place, filler(photo, "one")).folder
    for name in ("../../photo.jpg", str(photo), "a/../../../photo.jpg"):
        tree = json.loads((folder / RECEIPT).read_text())
        tree["contents"][name] = {"bytes": photo.stat().st_size, "sha256": "0"}
        (folder / RECEIPT).write_text(json.dumps(tree))
        write_results(place, filler(photo, "two"))
    assert photo.read_bytes() == b"a photo"


def test_photos_of_one_name_have_folders_of_their_own_and_find_them_again(photo, tmp_path):
    (tmp_path / "b").mkdir()
    twin = Path(shutil.copy(photo, tmp_path / "b"))
    for run in ("one", "two"):
        for source, name in ((photo, "photo"), (twin, "photo-2")):
            written = write_results(Place(tmp_path / "out", source), filler(source, run))
            assert written.folder.name == name and written.passed_over == ""


@pytest.mark.parametrize("name", ["depth.png", "strip.png", "evidence.npz"])
def test_what_a_run_reads_is_never_replaced(tmp_path, name):
    source = tmp_path / "out" / Path(name).stem / name
    source.parent.mkdir(parents=True)
    source.write_text("the input")
    written = write_results(Place(tmp_path / "out", source), filler(source, "one", "strip.png", "evidence.npz"))
    assert written.folder.name == f"{source.stem}-2" and source.read_text() == "the input"


def test_an_earlier_result_that_a_run_reads_stays(photo, tmp_path):
    first = write_results(Place(tmp_path / "out", photo), filler(photo, "one")).folder
    (tmp_path / "link.npz").symlink_to(first / "depth.npz")
    place = Place(tmp_path / "out", photo, inputs=(tmp_path / "link.npz",))
    second = write_results(place, filler(photo, "two"))
    assert second.folder.name == "photo-2" and "is what this run reads" in second.passed_over
    assert (first / "depth.npz").read_text() == "one depth.npz"


def test_an_exact_place_that_holds_something_else_is_refused(photo, tmp_path):
    folder = write_results(Place(tmp_path / "out", photo), filler(photo, "one", "evidence.npz")).folder
    before = snapshot(folder)
    place = Place(folder, folder / "evidence.npz", exact=True)
    for refused in (lambda: check_place(place), lambda: write_results(place, filler(folder / "evidence.npz", "two"))):
        with pytest.raises(InputError, match="it holds the results of .*photo.jpg"):
            refused()
    assert snapshot(folder) == before


def test_an_exact_place_may_hold_anything_that_is_not_in_the_way(photo, tmp_path):
    before = snapshot(tmp_path)
    place = Place(tmp_path, photo, exact=True)
    for run in ("one", "two"):
        check_place(place)
        assert write_results(place, filler(photo, run)).folder == tmp_path
    assert before.items() <= snapshot(tmp_path).items() and check_results(tmp_path).problems == ()


@pytest.mark.parametrize(
    "name",
    [
        "...jpg",
        "..jpg",
        "a\nb.jpg",
        "\x1b[31m.jpg",
        "x" * 250 + ".jpg",
        "con.jpg",
        " .jpg",
        "~.jpg",
        "\udcff\udcfe.jpg",
    ],
)
def test_any_file_name_gives_a_plain_folder_inside(tmp_path, name):
    source = tmp_path / "in" / name
    folder = write_results(Place(tmp_path / "out", source), filler(source, "one")).folder
    assert folder.parent == tmp_path / "out" and folder.resolve().parent == (tmp_path / "out").resolve()
    assert folder.name.isprintable() and len(folder.name.encode()) <= 130
    assert write_results(Place(tmp_path / "out", source), filler(source, "two")).folder == folder


def test_a_source_that_is_a_link_to_itself_is_somebody_s_all_the_same(tmp_path):
    source = tmp_path / "photo.jpg"
    source.symlink_to(source)
    assert write_results(Place(tmp_path / "out", source), filler(tmp_path / "made", "one")).folder.name == "photo"


@pytest.mark.parametrize("obstacle", ["file", "symlink to a folder", "folder of that name"])
def test_what_is_in_the_way_stays(photo, tmp_path, obstacle):
    folder = tmp_path / "out" / "photo"
    folder.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    if obstacle == "file":
        folder.write_text("mine")
    elif obstacle == "folder of that name":
        (folder / "depth.npz").mkdir(parents=True)
    else:
        folder.mkdir()
        (folder / "paintings").symlink_to(tmp_path / "elsewhere")
    assert (
        write_results(Place(tmp_path / "out", photo), filler(photo, "one", "paintings/00.png")).folder.name == "photo-2"
    )
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_failure_leaves_the_old_results_and_nothing_new(photo, tmp_path):
    place = Place(tmp_path / "out", photo)
    write_results(place, filler(photo, "one"))
    before = snapshot(tmp_path)

    def fill(folder: Path) -> dict[str, object]:
        (folder / "depth.npz").write_text("half")
        raise OSError(28, "No space left on device")

    for place in (Place(tmp_path / "out", photo), Place(tmp_path / "new", photo)):
        with pytest.raises(InputError, match="No space left on device"):
            write_results(place, fill)
    assert snapshot(tmp_path) == before and not (tmp_path / "new").exists()


_STEPS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "open", "shutil.rmtree")


def _killed_at(step: int, run) -> bool:
    """Run something in a child that dies without a word at its k-th change of the disk; return whether it did."""
    child = os.fork()
    if not child:
        left = step

        def die(event: str, _arguments: object) -> None:
            nonlocal left
            if event in _STEPS:
                left -= 1
                if left < 0:
                    os._exit(77)

        sys.addaudithook(die)
        try:
            run()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("replaced", [False, True])
def test_killed_at_any_step_the_results_are_old_or_new_and_the_next_run_finishes_there(
    photo, tmp_path, exact, replaced
):
    steps = 0
    for step in range(500):
        root = tmp_path / f"out{step}"
        place = Place(root, photo, exact=exact)
        if replaced:
            folder = write_results(place, filler(photo, "old", "strip.png", "paintings/00.png")).folder
            (folder / "notes.txt").write_text("mine")
        if not _killed_at(step, lambda place=place: write_results(place, filler(photo, "new", "strip.png"))):
            break
        steps += 1
        folder = root if exact else root / "photo"
        if (folder / RECEIPT).exists():
            assert check_results(folder).problems == (), f"killed at step {step}"
            run = json.loads((folder / RECEIPT).read_text())["run"]
            assert texts(folder) - {"mine"} <= {run}
        elif replaced:
            assert "unfinished" in check_results(folder).problems[0]
        again = write_results(place, filler(photo, "again", "strip.png"))
        assert again.folder == folder and check_results(folder).problems == ()
        assert texts(folder) - {"mine"} == {"again"}, f"killed at step {step}"
        assert not replaced or (folder / "notes.txt").read_text() == "mine"
        hidden = [path for path in (*root.rglob(".*"), *tmp_path.glob(".out*")) if path.exists()]
        assert hidden == [], f"killed at step {step}"
    assert steps > 20


def test_a_run_in_progress_is_not_swept_and_two_runs_do_not_mix(photo, tmp_path):
    place = Place(tmp_path / "out", photo)

    def slow(folder: Path) -> dict[str, object]:
        # Another run of the same photo starts and ends meanwhile.
        write_results(place, filler(photo, "quick"))
        return filler(photo, "slow")(folder)

    folder = write_results(place, slow).folder
    assert texts(folder) == {"slow"} and check_results(folder).problems == ()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo"]


def test_a_folder_that_another_process_holds_is_waited_for_and_then_said(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("mfh.io.results._WAIT_S", 0.2)
    with folder_lock(tmp_path / "out", wait_s=0.0), pytest.raises(InputError, match="another process"):
        write_results(Place(tmp_path / "out", photo), filler(photo, "one"))
    assert not (tmp_path / "out").exists()


def test_verify_says_what_is_wrong(photo, tmp_path):
    out = tmp_path / "out"
    folder = write_results(Place(out, photo), filler(photo, "one")).folder
    write_results(Place(folder / "refit", folder / "evidence.npz", exact=True), filler(folder / "evidence.npz", "two"))
    assert result_folders(out) == [folder, folder / "refit"]
    (folder / "depth.npz").write_text("one depth.npZ")
    (folder / "depth.png").unlink()
    (folder / "extra.txt").write_text("mine")
    assert [problem.rpartition("/")[2] for problem in check_results(folder).problems] == [
        "depth.npz is not what was written",
        "depth.png is missing",
    ]
    receipt = folder / "refit" / RECEIPT
    receipt.write_text(receipt.read_text().replace('"run": "two"', '"run": "2"'))
    assert check_results(folder / "refit").problems == (f"{receipt} was changed after it was written",)
