"""``mfh batch``: the command as it is typed."""

import json

import pytest

from tests.batch import stub
from tests.batch.stub import picture

pytest.importorskip("pyarrow")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for k in range(3):
        picture(tmp_path / "in" / f"{k}.png", k)
    from mfh.batch.worker import Job

    # In this process: the models of another one cannot be replaced.
    monkeypatch.setattr("mfh.batch.local.LocalEngine", lambda job, workers: Engine(job))
    monkeypatch.setattr(Job, "models", lambda self: stub.gather)
    return tmp_path / "in"


class Engine:
    """Measures in this process."""

    def __init__(self, job):
        self.worker, self.waiting, self.has_room = stub.quick(job), [], True

    @property
    def busy(self):
        return len(self.waiting)

    def submit(self, item):
        self.waiting.append(item)

    def rows(self, timeout_s):
        while self.waiting:
            yield self.worker(self.waiting.pop())

    def close(self):
        pass


def test_photos_are_measured_once_and_the_status_says_so(run_mfh, folder, tmp_path):
    words = ("batch", folder, "--out", tmp_path / "run", "--format", "npy")
    first = run_mfh(*words)
    assert first.code == 0 and first.err == "" and "3 measured" in first.out and "0 done before" in first.out
    assert (tmp_path / "run" / "photos" / "0.png" / "depth.npy").is_file()
    files = [path for path in (tmp_path / "run" / "photos").rglob("*") if path.is_file()]
    again = run_mfh(*words)
    assert again.code == 0 and "0 measured" in again.out and "3 done before" in again.out
    status = run_mfh("batch", "status", tmp_path / "run")
    assert status.code == 0 and "3 of 3 photos done, preset pocket" in status.out and "ok         3" in status.out
    (tmp_path / "run" / "asked.json").write_text('{"photos": 8}')
    assert "3 of 8 photos done" in run_mfh("batch", "status", tmp_path / "run").out
    priced = run_mfh("batch", "status", tmp_path / "run", "--json", "--price-per-hour", "3.6")
    found = json.loads(priced.out)
    assert found["photos"] == 3 and found["last_run"]["photos"] == 3 and found["bytes_in"] > 1000
    assert found["bytes_out"] == sum(path.stat().st_size for path in files) / 3
    assert found["cost_per_1000"] == pytest.approx(3600 / found["photos_per_hour"], rel=1e-3)
    nothing = run_mfh(*words, "--shard", "9/9")
    assert nothing.code == 0 and "0 measured" in nothing.out
    other = run_mfh(*words, "--seed", "4")
    assert other.code == 2 and "seed was 0, is 4" in other.error_line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "no photo given"),
        (("missing/",), "is not there"),
        (("IN", "--shard", "3/2"), "--shard is '3/2'"),
        (("IN", "--workers", "0"), "--workers"),
        (("IN", "--max-failure-rate", "2"), "--max-failure-rate"),
        (("IN", "--format", "gif"), "gif"),
        (("IN", "--tar", "--out", "s3://bucket/run"), "--tar packs a folder"),
        (("IN", "--price-per-hour", "-1"), "--price-per-hour"),
        (("IN", "--json"), "are of mfh batch status"),
        (("status",), "status of what"),
        (("status", "IN"), "batch.json"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_leaves_nothing(run_mfh, folder, tmp_path, words, expected):
    run = run_mfh("batch", "--out", tmp_path / "run", *(str(folder) if word == "IN" else word for word in words))
    assert run.code == 2 and expected in run.error_line
    assert not (tmp_path / "run").exists()


def test_too_many_failures_say_where_to_look(run_mfh, folder, tmp_path):
    for k in range(25):
        (folder / f"bad{k}.jpg").write_bytes(b"none")
    run = run_mfh("batch", folder, "--out", tmp_path / "run", "--max-failure-rate", "0.5")
    assert run.code == 2 and "have no depth" in run.error_line and "mfh batch status" in run.error_line
