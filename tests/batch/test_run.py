"""A run over many photos: rows and files, resumed, shared, and with what fails in rows."""

import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mfh.batch import tars
from mfh.batch.ledger import open_ledger
from mfh.batch.local import LocalEngine
from mfh.batch.manifest import read_inputs, shard_of
from mfh.batch.rows import VARIABLE
from mfh.batch.run import TooManyFailures, run
from mfh.batch.status import standing, status_lines
from mfh.batch.tables import read_table
from mfh.batch.tars import pack
from mfh.batch.worker import Job, Worker, folder_of, read_bytes
from mfh.config import preset
from mfh.errors import BackendError, InputError
from mfh.io.contents import RECEIPT
from mfh.io.formats import Formats
from mfh.io.results import check_results
from tests.batch import stub
from tests.batch.stub import Here, picture

pytest.importorskip("pyarrow")
SETTINGS = {"name": "made-up", "seed": 0}


def job_for(out: Path, mark: str) -> Job:
    return Job(preset("pocket"), out, mark, Formats(("npy",)), evidence=True, preview=False, max_pixels=10**6)


def measured(out: Path, items, start=Here, **options):
    """Run over photos."""
    ledger = open_ledger(out, SETTINGS)
    job = job_for(out, ledger.mark)
    return run(items, ledger, lambda: start(job), **options)


def rows_of(out: Path) -> dict[str, dict]:
    rows = read_table(out / "rows.parquet").to_pylist()
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    return {row["id"]: {name: value for name, value in row.items() if name not in VARIABLE} for row in rows}


def contents(out: Path) -> dict[str, bytes]:
    """All files but the rows, whose seconds differ."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "rows.parquet"
    }


@pytest.fixture
def items(tmp_path):
    for k in range(12):
        picture(tmp_path / "in" / f"{k:02d}.png", k)
    picture(tmp_path / "in" / "nobody.png", 99)
    (tmp_path / "in" / "bad.jpg").write_bytes(b"none")
    return read_inputs([str(tmp_path / "in")])


def test_every_photo_has_a_row_and_its_files(tmp_path, items):
    progress = measured(tmp_path / "run", items)
    assert progress.counts == {"ok": 12, "no scale": 1, "failed": 1} and progress.done == 14
    rows = rows_of(tmp_path / "run")
    assert len(rows) == 14 and rows["nobody.png"]["status"] == "no scale" and rows["nobody.png"]["median_m"] is None
    assert rows["bad.jpg"]["error_kind"] == "InputError" and "not a picture" in rows["bad.jpg"]["error"]
    one = rows["03.png"]
    assert one["low_80"] < 1 < one["high_80"] and one["people"] >= 2 and one["objects"] >= 2 and one["painted"] == 2
    folder = tmp_path / "run" / one["folder"]
    assert folder == tmp_path / "run" / "photos" / "03.png"
    assert {path.name for path in folder.iterdir()} == {"depth.npy", "evidence.npz", RECEIPT}
    assert check_results(folder).problems == ()
    # Nothing is left of the work.
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"batch.json", "rows.parquet", "photos"}


def test_a_run_that_is_done_does_nothing_and_more_photos_are_added(tmp_path, items):
    measured(tmp_path / "run", items[:5])
    before = contents(tmp_path / "run")
    assert measured(tmp_path / "run", items[:5], start=None).measured == 0
    progress = measured(tmp_path / "run", items)
    assert (progress.before, progress.measured) == (5, 9)
    after = contents(tmp_path / "run")
    assert {name: after[name] for name in before} == before and len(rows_of(tmp_path / "run")) == 14


def test_what_failed_is_tried_again_where_that_is_asked_for(tmp_path, items):
    measured(tmp_path / "run", items)
    picture(tmp_path / "in" / "bad.jpg", 7)
    assert measured(tmp_path / "run", items).measured == 0
    progress = measured(tmp_path / "run", items, retry=True)
    assert progress.counts == {"ok": 1, "no scale": 1}
    assert rows_of(tmp_path / "run")["bad.jpg"]["status"] == "ok"


def test_another_configuration_is_refused_by_what_differs(tmp_path, items):
    measured(tmp_path / "run", items[:1])
    with pytest.raises(InputError, match=r"seed was 0, is 1"):
        open_ledger(tmp_path / "run", {**SETTINGS, "seed": 1})
    (tmp_path / "other" / "photos").mkdir(parents=True)
    with pytest.raises(InputError, match="did not write it"):
        open_ledger(tmp_path / "other", SETTINGS)
    (tmp_path / "run" / "batch.json").write_text("{}")
    with pytest.raises(InputError, match="none of mfh batch"):
        open_ledger(tmp_path / "run", SETTINGS)


def test_too_many_failures_end_the_run_with_all_rows_written(tmp_path):
    for k in range(30):
        (tmp_path / f"{k:02d}.jpg").write_bytes(b"none")
    items = read_inputs([str(tmp_path)])
    with pytest.raises(TooManyFailures) as caught:
        measured(tmp_path / "run", items, max_failure_rate=0.5)
    assert 20 <= caught.value.progress.measured < 30
    ledger = open_ledger(tmp_path / "run", SETTINGS)
    assert len(ledger.status) == caught.value.progress.measured
    assert "InputError, as" in "\n".join(status_lines(standing(str(tmp_path / "run"))))


def test_processes_write_what_one_writes(tmp_path, items):
    measured(tmp_path / "one", items)
    measured(tmp_path / "two", items, start=lambda job: LocalEngine(job, 2, make=stub.quick))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "two")


def test_a_process_that_dies_costs_its_photo_and_no_other(tmp_path, items):
    for name in ("deadly.png", "once.png", "z.png"):
        picture(tmp_path / "in" / name)
    items = read_inputs([str(tmp_path / "in")])
    progress = measured(tmp_path / "run", items, start=lambda job: LocalEngine(job, 2, make=stub.deadly))
    rows = rows_of(tmp_path / "run")
    assert progress.counts == {"ok": 14, "no scale": 1, "failed": 2} and len(rows) == 17
    assert rows["deadly.png"]["error_kind"] == "ProcessLost"
    assert "by signal 9, perhaps for lack of memory, twice" in rows["deadly.png"]["error"]
    assert rows["once.png"]["status"] == "ok"


def test_models_that_cannot_be_loaded_end_the_run_at_once(tmp_path, items):
    with pytest.raises(BackendError, match="package of the models"):
        measured(tmp_path / "run", items, start=lambda job: LocalEngine(job, 2, make=stub.Unloadable))
    assert len(open_ledger(tmp_path / "run", SETTINGS).status) == 0


def test_what_another_process_has_is_left_to_it(tmp_path, items):
    other = open_ledger(tmp_path / "run", SETTINGS)
    for one in items[:4]:
        assert other.claim(one.id)
    job = job_for(tmp_path / "run", other.mark)

    class Meanwhile(Here):
        """The other process ends its work when this one has ended its own."""

        def rows(self, timeout_s):
            yield from super().rows(timeout_s)
            if other._claims:
                other.write([stub.quick(job)(one) for one in items[:3]])
                other.close()

    progress = measured(tmp_path / "run", items, start=Meanwhile)
    assert (progress.others, progress.measured) == (3, 11)
    assert len(rows_of(tmp_path / "run")) == 14


def test_a_part_that_is_done_first_does_not_disturb_the_others(tmp_path, items):
    first, second = shard_of(items, "1/2"), shard_of(items, "2/2")
    ledger = open_ledger(tmp_path / "run", SETTINGS)
    measured(tmp_path / "run", first)
    assert not (tmp_path / "run" / "parts").exists()
    progress = run(second, ledger, lambda: Here(job_for(tmp_path / "run", ledger.mark)))
    assert progress.measured == 7 and len(rows_of(tmp_path / "run")) == 14
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"batch.json", "rows.parquet", "photos"}


def test_half_files_of_killed_processes_go_and_those_of_others_stay(tmp_path, items):
    open_ledger(tmp_path / "run", SETTINGS)
    old, young = (tmp_path / "run" / "parts" / f".{name}.17.tmp.parquet" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    measured(tmp_path / "run", items[:2])
    assert not old.exists() and young.exists() and len(rows_of(tmp_path / "run")) == 2


def test_rows_of_another_configuration_are_refused(tmp_path, items):
    ledger = open_ledger(tmp_path / "run", SETTINGS)
    row = stub.quick(job_for(tmp_path / "run", "another"))(items[0])
    ledger.claim(row.id)
    ledger.write([row])
    with pytest.raises(InputError, match="another configuration"):
        open_ledger(tmp_path / "run", SETTINGS)


def test_a_damaged_part_is_one_line(tmp_path):
    open_ledger(tmp_path / "run", SETTINGS)
    (tmp_path / "run" / "parts" / "x.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(InputError, match="is damaged") as caught:
        open_ledger(tmp_path / "run", SETTINGS)
    assert "\n" not in str(caught.value)


def test_where_nothing_can_be_written_rows_say_so(tmp_path, items):
    (tmp_path / "run").mkdir()
    ledger = open_ledger(tmp_path / "run", SETTINGS)
    (tmp_path / "run" / "photos").write_text("a file in the way")
    progress = run(items[:3], ledger, lambda: Here(job_for(tmp_path / "run", ledger.mark)))
    assert progress.counts == {"failed": 3}
    assert all("cannot" in row["error"] for row in rows_of(tmp_path / "run").values())


def test_a_photo_that_vanishes_is_a_row(tmp_path, items):
    os.remove(items[0].path)
    measured(tmp_path / "run", items[:2])
    rows = rows_of(tmp_path / "run")
    assert "No such file" in rows[items[0].id]["error"] and rows[items[1].id]["status"] == "ok"


def test_ids_become_folders_within_the_run():
    assert folder_of("a/b.jpg") == Path("photos/a/b.jpg")
    for name in ("../../etc/passwd", "/etc/passwd", "a/../b.jpg"):
        folder = folder_of(name)
        assert folder.parts[0] == "photos" and ".." not in folder.parts and not folder.is_absolute()
    assert folder_of("s3://bucket/a.jpg").parts[0] == "photos"
    assert folder_of("a:b") != folder_of("a?b")


def test_addresses_are_read_by_fsspec(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://photos/a.png", "wb") as file:
        file.write(picture(tmp_path / "a.png").read_bytes())
    assert read_bytes("memory://photos/a.png") == (tmp_path / "a.png").read_bytes()
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes("memory://photos/none.png")
    with pytest.raises((InputError, BackendError)):
        read_bytes("nosuch://photos/none.png")


def unpacked(out: Path) -> dict[str, bytes]:
    """Files in the tar files of a run."""
    found = {}
    for path in sorted(out.glob("*.tar")):
        with tarfile.open(path) as archive:
            found |= {one.name: archive.extractfile(one).read() for one in archive.getmembers()}
    return found


def test_tar_files_hold_what_the_folders_held(tmp_path, items):
    measured(tmp_path / "run", items)
    before = {name: data for name, data in contents(tmp_path / "run").items() if name.startswith("photos/")}
    assert pack(tmp_path / "run", photos_each=5) == 12
    assert [path.name for path in sorted((tmp_path / "run").glob("*.tar"))] == [f"photos-0000{k}.tar" for k in range(3)]
    assert unpacked(tmp_path / "run") == before and not (tmp_path / "run" / "photos").exists()
    rows = rows_of(tmp_path / "run")
    assert rows["00.png"]["tar"] == "photos-00000.tar" and rows["11.png"]["tar"] == "photos-00002.tar"
    assert rows["bad.jpg"]["tar"] == "" and pack(tmp_path / "run") == 0
    # More photos go to another file, and the rest stays as it is.
    picture(tmp_path / "in" / "more" / "z.png", 50)
    old = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.tar")}
    measured(tmp_path / "run", read_inputs([str(tmp_path / "in")]))
    assert pack(tmp_path / "run") == 1
    assert rows_of(tmp_path / "run")["more/z.png"]["tar"] == "photos-00003.tar"
    assert {name: (tmp_path / "run" / name).read_bytes() for name in old} == old


@pytest.mark.parametrize("step", ["_write_tar", "write_blocks", "_remove_packed"])
def test_packing_that_is_stopped_is_resumed_to_the_same_bytes(tmp_path, items, monkeypatch, step):
    for name in ("whole", "stopped"):
        measured(tmp_path / name, items)
    pack(tmp_path / "whole", photos_each=5)
    done, real = [], getattr(tars, step)

    def stop(*given):
        done.append(given)
        if len(done) == 2 or step == "write_blocks":
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(tars, step, stop)
    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "stopped", photos_each=5)
    monkeypatch.undo()
    pack(tmp_path / "stopped", photos_each=5)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert rows_of(tmp_path / "stopped") == rows_of(tmp_path / "whole")


RUN = """
import sys
from pathlib import Path
from mfh.batch.local import LocalEngine
from mfh.batch.manifest import read_inputs, shard_of
from tests.batch import stub
from tests.batch.test_run import measured
if __name__ == "__main__":
    measured(Path(sys.argv[2]), read_inputs([sys.argv[1]]), start=lambda job: LocalEngine(job, 2, make=stub.slow))
"""


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_what_an_undisturbed_run_has(tmp_path, items):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    words = [sys.executable, str(script), str(tmp_path / "in")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])}
    kills = 0
    for moment in (1.2, 1.6, 2.0, 1.4, 1.8):
        process = subprocess.Popen([*words, str(tmp_path / "killed")], env=environment)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
            process.wait()
            time.sleep(0.6)
    subprocess.run([*words, str(tmp_path / "killed")], env=environment, check=True)
    measured(tmp_path / "whole", items)
    assert kills >= 1
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert rows_of(tmp_path / "killed") == rows_of(tmp_path / "whole")


@pytest.mark.slow
def test_two_commands_on_one_folder_share_the_work(tmp_path, items):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    words = [sys.executable, str(script), str(tmp_path / "in"), str(tmp_path / "shared")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])}
    both = [subprocess.Popen(words, env=environment) for _ in range(2)]
    deadline = time.monotonic() + 60
    while not (tmp_path / "shared" / "photos").is_dir():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # One of them is killed, and another takes its place.
    both[0].send_signal(signal.SIGKILL)
    both[0].wait()
    both[0] = subprocess.Popen(words, env=environment)
    assert [one.wait(120) for one in both] == [0, 0]
    measured(tmp_path / "whole", items)
    assert rows_of(tmp_path / "shared") == rows_of(tmp_path / "whole")
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")


def test_many_rows_cost_little_memory(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("path\n" + "".join(f"{k}.jpg\n" for k in range(5000)))
    items = read_inputs([str(table)])

    class Quick(Here):
        def __init__(self, job):
            super().__init__(job)
            self.worker = stub.Instant(job)

    progress = measured(tmp_path / "run", items, start=Quick)
    assert progress.counts == {"ok": 5000} and len(rows_of(tmp_path / "run")) == 5000
    assert replace(items[0], id="x").id == "x" and issubclass(stub.Instant, Worker)
