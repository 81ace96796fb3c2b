"""``mfh verify``: results that are whole, and what is wrong with those that are not."""

import json

import pytest


@pytest.fixture
def results(run_mfh, fake_pipeline, photo_path, tmp_path):
    out = tmp_path / "out"
    assert run_mfh("predict", photo_path, "--save-evidence", "--out", out).code == 0
    assert run_mfh("refit", out / "photo" / "evidence.npz").code == 0
    return out


@pytest.mark.slow
def test_whole_results(run_mfh, results):
    run = run_mfh("verify", results)
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines() == [
        f"whole: {results}/photo (4 files)",
        f"whole: {results}/photo/refit (3 files)",
    ]


@pytest.mark.slow
def test_a_changed_byte_is_found(run_mfh, results):
    path = results / "photo" / "depth.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    run = run_mfh("verify", results)
    assert run.code == 2 and f"{path} is not what was written" in run.out
    assert "1 of 2 results" in run.error_line and "is not whole" in run.error_line
    tree = json.loads(run_mfh("verify", results, "--json").out)
    assert [len(one["problems"]) for one in tree["results"]] == [1, 0]


@pytest.mark.parametrize("make", [False, True])
def test_where_there_are_no_results(run_mfh, tmp_path, make):
    if make:
        (tmp_path / "out").mkdir()
    for words in ((), ("--json",)):
        run = run_mfh("verify", tmp_path / "out", *words)
        assert run.code == 2 and ("holds no results" if make else "no such folder") in run.error_line
        assert not words or json.loads(run.out)["results"] == []
