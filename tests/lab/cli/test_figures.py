"""``mfh reproduce fig3 | fig6 | fig7 | fig9 | fig12 ...``: files that are written, and what is refused."""

import csv
import sys

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.cli.figures import DATASET_OF, labelled
from mfh_lab.cli.reproduce import ENTRIES, routed
from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.evaluation.protocols import PAPER, view
from tests.lab.evaluation.datasets import layouts
from tests.lab.paper.figures.conftest import write_folder_dataset
from tests.models import tiny_depth

pytestmark = pytest.mark.slow


@pytest.fixture
def answers(tmp_path):
    """Twelve photos with a truth, and two methods' answers and scores."""
    names = [f"p{k:02d}" for k in range(12)]
    truths = write_folder_dataset(tmp_path / "data", names)
    for label, factor in (("near", 0.9), ("far", 1.5)):
        (tmp_path / label / "predictions").mkdir(parents=True)
        for number, (name, truth) in enumerate(truths.items()):
            wrong = factor * (1 + 0.01 * number)
            np.savez(tmp_path / label / "predictions" / f"{name}.npz", depth_m=truth * wrong)
        with (tmp_path / label / "scores.csv").open("w") as file:
            rows = [(name, 1, max(0, 1 - 0.05 * k), abs(factor - 1)) for k, name in enumerate(names)]
            csv.writer(file).writerows([("name", "answered", "delta1", "abs_rel"), *rows])
    return tmp_path


def test_fig7_on_a_dataset(run_mfh, answers):
    out = answers / "out"
    run = run_mfh("reproduce", "fig7", "--dataset", "folder", "--root", answers / "data", "--count", 2, "--out", out,
                  "--predictions", f"near={answers / 'near'}", "--predictions", f"far={answers / 'far'}")  # fmt: skip
    assert run.code == 0 and "p03: near AbsRel 0.0" in run.out and "p09" in run.out
    assert sorted(path.name for path in out.glob("[a-z]*")) == ["fig7.csv", "fig7.md", "fig7.pdf", "fig7.png"]
    named = run_mfh("reproduce", "fig7", "--dataset", "folder", "--root", answers / "data", "--samples", "p11", "--out",
                    out, "--predictions", f"near={answers / 'near'}")  # fmt: skip
    assert named.code == 0 and named.out.startswith("p11: ") and "p03" not in named.out


def test_fig9(run_mfh, answers):
    (answers / "shots.csv").write_text("photo,angle,distance\np00,level,wide\np01,low,wide\nother,low,wide\n")
    scores = ("--scores", f"near={answers / 'near'}", "--scores", f"far={answers / 'far' / 'scores.csv'}")
    run = run_mfh("reproduce", "fig9", *scores, "--shots", answers / "shots.csv", "--out", answers / "out")
    assert run.code == 0 and "2 photos with a shot type" in run.out and "11 others are left out" in run.out
    assert (answers / "out" / "fig9.pdf").is_file()


def test_fig3_and_again_from_the_cache(run_mfh, answers, monkeypatch):
    pytest.importorskip("transformers", reason="the hub's libraries are not installed: pip install -e '.[hub]'")
    tiny_depth.dinov2(answers / "dino")
    rng = np.random.default_rng(5)
    (answers / "training").mkdir()
    for k in range(3):
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(answers / "training" / f"{k}.png")
    words = ("reproduce", "fig3", "--scores", f"folder={answers / 'near'}", "--root", f"folder={answers / 'data'}",
             "--training", answers / "training", "--features", answers / "dino", "--out", answers / "out")  # fmt: skip
    first = run_mfh(*words)
    assert first.code == 0 and "3 training pictures; rank correlation" in first.out
    assert len(list((answers / "out" / "features").rglob("*.npy"))) == 15
    table = (answers / "out" / "fig3.csv").read_bytes()
    # A warm cache needs no network at all.
    import mfh_lab.paper.figures.image_features

    monkeypatch.setattr(mfh_lab.paper.figures.image_features, "ImageFeatures", None)
    assert run_mfh(*words).code == 0 and (answers / "out" / "fig3.csv").read_bytes() == table


def test_fig6(run_mfh, photo_path, tmp_path, monkeypatch, floor_world):
    from mfh.config import preset
    from mfh.pipeline.pipeline import MetricFromHuman

    world = floor_world(people_at_m=(3.0, 4.0, 5.0))
    models = {role: model for role, model in world.models().items()}
    made = MetricFromHuman(preset("pocket"), **models)
    monkeypatch.setattr(MetricFromHuman, "from_preset", classmethod(lambda cls, name, **options: made))
    monkeypatch.setattr("mfh.io.photo.load_photo", lambda path, focal=None: world.photo())
    run = run_mfh("reproduce", "fig6", "--photo", photo_path, "--out", tmp_path / "out")
    assert run.code == 0, run.err
    assert "3 bodies, 3 people" in run.out
    assert {"fig6.png", "points.ply", "people.ply"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fig7", "--dataset", "folder", "--root", "data", "--predictions", "near"), "expected LABEL=DIR"),
        (("fig7", "--dataset", "folder", "--root", "data", "--predictions", "n=near", "--samples", "x"),
         "'x' is not in"),
        (("fig7", "--dataset", "folder", "--root", "nowhere", "--predictions", "n=near"), "no folder nowhere"),
        (("fig13", "--root", "data", "--predictions", "n=near"), "kitti"),
        (("fig9", "--scores", "near", "--shots", "s.csv"), "expected LABEL=PATH"),
        (("fig9", "--scores", "n=near", "--shots", "s.csv"), "no such file: s.csv"),
        (("fig3", "--scores", "folder=near", "--root", "other=data", "--training", "data"),
         "expected the same datasets"),
        (("fig3", "--scores", "folder=near", "--root", "folder=data", "--training", "data", "--features", "dino"),
         "no folder 'dino'"),
        (("fig7", "--dataset", "folder", "--root", "data", "--predictions", "n=near", "--error-cap", "nan"),
         "--error-cap is nan"),
        (("fig9", "--scores", "n=near", "--shots", "s.csv", "--seed", -1), "--seed is -1"),
        (("fig3", "--scores", "folder=near", "--root", "folder=data", "--training", "data", "--seed", 10**30),
         "--seed is 1000"),
        (("fig99",), "'fig99' is no table or figure of the paper: expected one of table1"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_one_line(run_mfh, answers, monkeypatch, words, message):
    monkeypatch.chdir(answers)
    run = run_mfh("reproduce", *words)
    assert run.code == 2 and message in run.error_line


def test_figures_need_matplotlib_and_say_so(run_mfh, answers, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    run = run_mfh("reproduce", "fig9", "--scores", f"n={answers / 'near'}", "--shots", "s.csv", "--out", answers / "o")
    assert run.code == 2 and "pip install 'metric-from-human[plot]'" in run.error_line and not (answers / "o").exists()


def test_names_of_tables_go_to_the_tables():
    names = [*ENTRIES, "fig7"]
    assert routed(["table4", "--dataset", "pocket"], names) == ["table4", "--dataset", "pocket"]
    assert routed(["--limit", "3", "table4"], names) == ["table4", "--limit", "3"]
    assert routed(["fig7", "--root", "x"], names) == ["fig7", "--root", "x"]
    assert routed([], names) == [] and routed(["--help"], names) == ["--help"]
    for wrong in (["table10"], ["table"], ["--limit", "3"]):
        with pytest.raises(InputError, match="expected one of .*fig5.*fig7"):
            routed(wrong, names)
    assert "fig5" in ENTRIES and "fig7" not in ENTRIES


def test_labels():
    assert labelled("--x", ["a b=c=d", "e=f"]) == {"a b": "c=d", "e": "f"}
    for words in (["a"], ["=b"], ["a="], ["a=b", "a=c"]):
        with pytest.raises(InputError, match="--x"):
            labelled("--x", words)


def test_a_figure_replaces_its_own_files_and_no_other(run_mfh, answers):
    words = ("reproduce", "fig7", "--dataset", "folder", "--root", answers / "data", "--count", 1,
             "--predictions", f"near={answers / 'near'}")  # fmt: skip
    before = {path: path.read_bytes() for path in answers.rglob("*") if path.is_file()}
    for out in (answers / "mine", answers / "data" / "p00"):
        out.mkdir(exist_ok=True)
        (out / "fig7.pdf").write_text("mine")
        run = run_mfh(*words, "--out", out)
        assert run.code == 2 and "fig7.pdf is there already" in run.error_line
        assert (out / "fig7.pdf").read_text() == "mine" and not (out / "fig7.png").exists()
    for _ in range(2):
        assert run_mfh(*words, "--out", answers / "new").code == 0
    assert {path: path.read_bytes() for path in before} == before


def test_names_that_look_like_formulas_are_drawn_as_they_are(run_mfh, answers):
    (answers / "shots.csv").write_text("photo,angle,distance\np00,level,wide\np01,low,wide\n")
    odd = ("$\\frac{$", "_hidden", "a\x1b[2Jb", "人", "$x$")
    scores = [word for label in odd for word in ("--scores", f"{label}={answers / 'near'}")]
    run = run_mfh("reproduce", "fig9", *scores, "--shots", answers / "shots.csv", "--out", answers / "out")
    assert run.code == 0 and run.err == ""
    words = [word for label in odd for word in ("--predictions", f"{label}={answers / 'near'}")]
    run = run_mfh("reproduce", "fig7", "--dataset", "folder", "--root", answers / "data", "--count", 1, *words,
                  "--out", answers / "out")  # fmt: skip
    assert run.code == 0 and run.err == "" and "\x1b" not in run.out


@pytest.mark.parametrize("name", ["fig12", "fig13", "fig14", "fig15", "fig16"])
def test_each_dataset_has_its_figure(run_mfh, tmp_path, name):
    dataset = DATASET_OF[name]
    {"nyu": layouts.write_nyu_bts, "kitti": layouts.write_kitti, "diode": layouts.write_diode,
     "ibims1": layouts.write_ibims1, "eth3d": layouts.write_eth3d}[dataset](tmp_path / "data")  # fmt: skip
    opened = open_dataset(dataset, tmp_path / "data")
    for sample in opened.names:
        seen = view(opened.load(sample), PAPER.of(dataset))
        path = tmp_path / "answers" / f"{sample}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.full(seen.photo.rgb.shape[:2], 1.1 * float(np.median(seen.truth_m[seen.scored_mask]))))
    run = run_mfh("reproduce", name, "--root", tmp_path / "data", "--predictions", f"far={tmp_path / 'answers'}",
                  "--count", 1, "--out", tmp_path / "out")  # fmt: skip
    assert run.code == 0 and run.err == "" and "far AbsRel 0." in run.out
    text = (tmp_path / "out" / f"{name}.md").read_text()
    assert f"# Figure {name[3:]}: error maps" in text and f"{dataset}, protocol paper; samples spread evenly" in text
