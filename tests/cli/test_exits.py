"""What any failure is called, and its exit code."""

import os

import numpy as np
import pytest

from mfh.cli.exits import EXIT_FAULT, EXIT_INPUT, EXIT_NO_LANDMARK, error_line, failure_line, printable
from mfh.cli.predict import exit_code
from mfh.errors import InputError, NoLandmarkError


@pytest.fixture(autouse=True)
def _no_traceback(monkeypatch):
    monkeypatch.delenv("MFH_TRACEBACK", raising=False)


def opencv_s_own_lack_of_memory() -> Exception:
    import cv2

    try:
        cv2.resize(np.zeros((1, 1), np.uint8), (1 << 22, 1 << 22))
    except cv2.error as error:
        return error
    pytest.skip("this machine has 16 TB of memory")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("a.jpg is empty"), EXIT_INPUT, "a.jpg is empty"),
        (NoLandmarkError("nobody", tried=("looked",)), EXIT_NO_LANDMARK, "nobody (tried: looked)"),
        (MemoryError(), EXIT_INPUT, "photo: this needs more memory than there is"),
        (OSError(28, "No space left on device", "/out/depth.npz"), EXIT_INPUT, "photo: the system refused: /out/depth"),
        (OSError("odd"), EXIT_INPUT, "photo: the system refused: odd"),
        (
            ZeroDivisionError("division by zero"),
            EXIT_FAULT,
            "photo: ZeroDivisionError: division by zero; this is",
        ),
        (RecursionError(), EXIT_FAULT, "RecursionError"),
    ],
)
def test_every_failure_is_a_line_and_a_code(error, code, said):
    line, given = failure_line(error, about="photo")
    assert given == code and said in line and "\n" not in line


def test_opencv_has_a_memory_error_of_its_own():
    line, code = failure_line(opencv_s_own_lack_of_memory())
    assert code == EXIT_INPUT and "more memory" in line


def test_a_fault_is_raised_where_its_place_is_asked_for(monkeypatch):
    monkeypatch.setenv("MFH_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        failure_line(ZeroDivisionError())
    assert failure_line(MemoryError())[1] == EXIT_INPUT


@pytest.mark.skipif(os.name != "posix", reason="POSIX folders")
def test_a_working_folder_that_is_gone_is_named(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    line, code = failure_line(FileNotFoundError(2, "No such file or directory"))
    assert code == EXIT_INPUT and "folder this runs in no longer exists" in line


def test_terminals_are_not_told_what_a_file_name_says():
    assert printable("a\x1b[2Jb\x07\udcff ü\u202f写\n") == r"a\x1b[2Jb\x07\xff ü" + "\u202f写"
    assert error_line(InputError("no such file: \x1b]0;x.jpg")) == r"no such file: \x1b]0;x.jpg"


@pytest.mark.parametrize(
    ("codes", "expected"), [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 2, 0], 2), ([2, 1, 3], 1), ([3, 3], 3)]
)
def test_the_worst_of_the_photos_is_the_code(codes, expected):
    assert exit_code(codes) == expected


def test_a_library_that_finds_no_memory_is_no_fault_of_the_program():
    line, code = failure_line(ImportError("libcrypto.so.1: failed to map segment from shared object"))
    assert code == 2 and "needs more memory than there is" in line
    assert failure_line(ImportError("no module named x"))[1] == 1
