import json
import os

import pytest

from mfh.errors import InputError
from mfh.io.added import add_files, read_results
from mfh.io.results import check_results


@pytest.fixture
def folder(metric_depth, tmp_path):
    return metric_depth.save(tmp_path / "out")


def add(folder, text):
    def fill(stage):
        (stage / "report.html").write_text(text)
        return {"report": "report.html"}, ("read this",)

    return add_files(read_results(folder), fill)


def test_an_added_file_is_listed_and_whole(folder):
    assert add(folder, "one") == ("read this",)
    receipt = json.loads((folder / "receipt.json").read_text())
    assert receipt["files"]["report"] == "report.html" and receipt["contents"]["report.html"]["bytes"] == 3
    assert receipt["warnings"][-1] == "read this"
    assert check_results(folder).problems == ()
    # Again, over one's own.
    add(folder, "two")
    assert (folder / "report.html").read_text() == "two" and check_results(folder).problems == ()


def test_the_next_run_takes_it_away(folder, metric_depth):
    add(folder, "one")
    metric_depth.save(folder)
    assert not (folder / "report.html").exists() and check_results(folder).problems == ()


@pytest.mark.parametrize("listed", [False, True])
def test_what_others_wrote_stays(folder, listed):
    if listed:
        add(folder, "one")
    (folder / "report.html").write_text("mine")
    before = (folder / "receipt.json").read_bytes()
    with pytest.raises(InputError, match="report.html was not written by the last run, or was changed since"):
        add(folder, "two")
    assert (folder / "report.html").read_text() == "mine" and (folder / "receipt.json").read_bytes() == before


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected the results of mfh predict or mfh refit"):
        add(tmp_path, "one")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_changes_nothing(folder):
    add(folder, "one")

    def fail(stage):
        (stage / "report.html").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left"):
        add_files(read_results(folder), fail)
    assert (folder / "report.html").read_text() == "one" and check_results(folder).problems == ()


def test_a_kill_between_receipt_and_file_is_mended_by_the_same_again(folder, monkeypatch):
    replace = os.replace

    def killed(source, target):
        if str(target).endswith("html"):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            add(folder, "one")
    assert check_results(folder).problems
    add(folder, "one")
    assert check_results(folder).problems == ()
