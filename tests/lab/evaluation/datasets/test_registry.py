import subprocess
import sys

import pytest

from mfh.errors import InputError
from mfh_lab.evaluation.datasets.registry import DATASETS, SHOWN_MISSING, check_dataset, open_dataset
from mfh_lab.evaluation.datasets.sample import Dataset
from tests.lab.evaluation.datasets.layouts import (
    write_diode,
    write_eth3d,
    write_folder,
    write_ibims1,
    write_kitti,
    write_nyu_bts,
    write_pocket,
)

WRITERS = {
    "nyu": write_nyu_bts,
    "kitti": write_kitti,
    "diode": write_diode,
    "ibims1": write_ibims1,
    "eth3d": write_eth3d,
    "folder": write_folder,
    "pocket": write_pocket,
}


def test_every_dataset_has_a_writer_here():
    assert set(WRITERS) == set(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_keeps_the_contract(tmp_path, name):
    WRITERS[name](tmp_path)
    dataset = open_dataset(name, tmp_path)
    assert isinstance(dataset, Dataset) and dataset.name == name
    for sample_name in dataset.names:
        sample = dataset.load(sample_name)
        assert sample.name == sample_name
        assert sample.rgb.dtype == sample.truth_m.dtype == "float32"
        assert 0 <= sample.rgb.min() and sample.rgb.max() <= 1
        assert sample.truth_m.min() >= 0 and sample.truth_m.max() < float("inf")
        assert sample.rgb.shape[:2] == sample.truth_m.shape == (sample.camera.height, sample.camera.width)
    with pytest.raises(InputError, match=f"'none' is no sample of {name}"):
        dataset.load("none")


@pytest.mark.parametrize("name", DATASETS)
def test_check_reports_what_is_there(tmp_path, name):
    absent = check_dataset(name, tmp_path)
    assert absent.problem and not absent.usable and not absent.complete
    assert any(DATASETS[name].get in line for line in absent.lines())
    WRITERS[name](tmp_path)
    check = check_dataset(name, tmp_path)
    assert check.usable and check.found == check.listed == len(open_dataset(name, tmp_path).names)
    assert check.complete == (DATASETS[name].expected is None)
    assert all("\n" not in line for line in check.lines())
    assert str(tmp_path) in check.lines()[0]


def test_check_names_the_first_missing_files_and_counts_all(tmp_path):
    names = [f"room_{k}" for k in range(8)]
    folder = write_ibims1(tmp_path, names=names)
    for name in names[1:]:
        (folder / "depth" / f"{name}.png").unlink()
    check = check_dataset("ibims1", tmp_path)
    assert (check.found, check.missing_total, len(check.missing)) == (1, 7, SHOWN_MISSING)
    lines = check.lines()
    assert any("1 of 8 listed are complete; the whole split has 100" in line for line in lines)
    assert any("and 2 more" in line for line in lines)


def test_limit_takes_the_first_and_looks_only_for_those(tmp_path):
    folder = write_ibims1(tmp_path, names=("a", "b", "c"))
    (folder / "rgb" / "c.png").unlink()
    assert open_dataset("ibims1", tmp_path, limit=2).names == ("a", "b")
    with pytest.raises(InputError, match=r"rgb/c\.png missing"):
        open_dataset("ibims1", tmp_path, limit=3)
    with pytest.raises(InputError, match="--limit is 0"):
        open_dataset("ibims1", tmp_path, limit=0)


def test_what_the_user_may_get_wrong(tmp_path):
    with pytest.raises(InputError, match="dataset is 'nyuv3': expected one of nyu, kitti"):
        open_dataset("nyuv3", tmp_path)
    with pytest.raises(InputError, match="dataset is 'nyuv3'"):
        check_dataset("nyuv3", tmp_path)
    with pytest.raises(InputError, match="--root: no folder"):
        open_dataset("nyu", tmp_path / "nowhere")
    with pytest.raises(InputError, match="--split: no file"):
        open_dataset("nyu", tmp_path, split=tmp_path / "nowhere.txt")
    assert "no folder" in check_dataset("nyu", tmp_path / "nowhere").problem


@pytest.mark.slow
def test_looking_around_imports_no_model():
    code = """
import sys
from pathlib import Path
from mfh_lab.evaluation.datasets.registry import DATASETS, check_dataset
for name in DATASETS:
    check_dataset(name, Path("."))
heavy = ("torch", "onnxruntime", "numba", "mfh.pipeline.pipeline", "mfh_lab.pocket")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
