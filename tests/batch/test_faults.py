"""Full disks, folders that cannot be written, photos that go, memory that ends: rows say so, the rest goes on."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mfh.batch.ledger import open_ledger
from mfh.batch.local import LocalEngine
from mfh.batch.manifest import read_inputs
from mfh.errors import InputError
from tests.batch import stub
from tests.batch.stub import picture
from tests.batch.test_run import SETTINGS, items, measured, rows_of

pytest.importorskip("pyarrow")
__all__ = ["items"]
ROOT = Path(__file__).resolve().parent.parent.parent
SMALL_DISK = """
mount -t tmpfs -o size={size} tmpfs "$2" || exit 77
export PYTHONPATH=src:. HERE=1 STUB=quick
run() {{ "$0" -m tests.batch.command batch "$1" --out "$2/run" --format npy --save-evidence --quiet "${{@:3}}"; }}
run "$@"; echo "code $?"
"$0" -m tests.batch.command batch status "$2/run"
rm -f "$2/filler"
run "$@" --retry; echo "code $?"
cp -r "$2/run" "$3"
mount -o remount,ro "$2" || exit 77
run "$@" --retry; echo "code $?"
"$0" -m tests.batch.command batch status "$2/run"; echo "code $?"
"""


def on_a_small_disk(tmp_path: Path, kilobytes: int, filler: int) -> subprocess.CompletedProcess[str]:
    """Run the command on a disk of its own that is too small, and again when there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = SMALL_DISK.format(size=f"{kilobytes}k").replace(
        "export", f'head -c {filler}k /dev/zero > "$2/filler"; export', 1
    )
    words = ["bash", "-c", script.replace('"${@:3}"', '"${@:4}"'), sys.executable, str(tmp_path / "in"), str(disk)]
    done = subprocess.run(
        ["unshare", "-rm", *words, str(tmp_path / "copy")], capture_output=True, text=True, cwd=ROOT, timeout=180
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no disk of its own can be made here")
    return done


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_full_disk_is_in_the_rows_and_a_read_only_one_is_one_line(tmp_path, items):
    done = on_a_small_disk(tmp_path, 4096, 3900)
    # Rows are small: they fit, or end the first run with a line of their own. Read-only at last, with a status.
    codes = re.findall(r"code (\d+)", done.stdout)
    assert codes[0] in ("0", "2") and codes[1:] == ["0", "2", "0"], done
    assert len(done.stderr.splitlines()) == codes.count("2"), done
    assert "Read-only file system" in done.stderr
    assert "InputError, as" in done.stdout and "No space left on device" in done.stdout
    rows = rows_of(tmp_path / "copy")
    measured(tmp_path / "whole", items)
    assert rows["nobody.png"]["status"] == "no scale" and sum(one["status"] == "ok" for one in rows.values()) == 12
    assert {name: one["sha256"] for name, one in rows.items()} == {
        name: one["sha256"] for name, one in rows_of(tmp_path / "whole").items()
    }
    assert not list((tmp_path / "copy").glob("**/.*"))


def test_a_disk_too_full_for_rows_ends_the_run_in_one_line(tmp_path, items, monkeypatch):
    def full(path, tables, **options):
        raise InputError(f"cannot write {path}: No space left on device; choose another output folder")

    monkeypatch.setattr("mfh.batch.tables.write_blocks", full)
    with pytest.raises(InputError, match="No space left"):
        measured(tmp_path / "run", items[:3])
    monkeypatch.undo()
    assert measured(tmp_path / "run", items[:3]).measured == 3


@pytest.mark.skipif(os.name == "nt", reason="folders are read-only by another way there")
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path, items):
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o500)
    if os.access(tmp_path / "run", os.W_OK):
        # For root permissions do not count; a file in the way does.
        (tmp_path / "run").rmdir()
        (tmp_path / "run").write_text("a file")
    with pytest.raises(InputError, match="cannot") as caught:
        open_ledger(tmp_path / "run", SETTINGS)
    assert "\n" not in str(caught.value)


def test_photos_that_go_while_the_run_is_at_work_are_rows(tmp_path, items):
    gone = [Path(one.path) for one in items[8:11]]
    progress = measured(
        tmp_path / "run",
        items,
        report=lambda progress: [path.unlink(missing_ok=True) for path in gone if progress.measured >= 3],
    )
    rows = rows_of(tmp_path / "run")
    lost = [one["id"] for one in rows.values() if "No such file" in one["error"]]
    assert lost == [path.name for path in gone] and progress.counts["ok"] == 9 and len(rows) == 14


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are of Linux")
def test_a_photo_that_takes_all_memory_is_a_row(tmp_path, items):
    picture(tmp_path / "in" / "greedy.png")
    items = read_inputs([str(tmp_path / "in")])
    progress = measured(tmp_path / "run", items, start=lambda job: LocalEngine(job, 2, make=stub.greedy))
    row = rows_of(tmp_path / "run")["greedy.png"]
    assert row["status"] == "failed" and "more memory than there is" in row["error"]
    assert progress.counts == {"ok": 12, "no scale": 1, "failed": 2}
