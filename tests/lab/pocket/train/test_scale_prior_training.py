"""The layer of the scale prior is fitted to what people and objects of known size say of photos without depth."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.io.photo import load_photo
from mfh.models.scale_prior import SceneScalePrior
from mfh_lab.pocket.train import scale_prior
from mfh_lab.pocket.train.scale_prior import ViewLabel, fit_head, label_photos, main, read_labels
from tests.photos import EXAMPLE


def made_up(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 60)) * np.geomspace(0.1, 10, 60) + 5
    return features, 1 + 0.5 * (features[:, 3] - 5) / features[:, 3].std()


def test_the_height_is_predicted_from_the_features():
    features, log_height = made_up(400, seed=0)
    others, truth = made_up(400, seed=1)
    weight, bias = fit_head(features, log_height, np.full(400, 0.3))
    assert np.std(others @ weight + bias - truth) < 0.4 * np.std(truth)


def test_a_label_counts_by_its_error():
    features, log_height = made_up(400, seed=0)
    wrong = np.arange(400) % 2 == 0
    labels = np.where(wrong, log_height + 1, log_height)
    errors = {sigma: np.where(wrong, sigma, 0.1) for sigma in (0.1, 10.0)}
    bias_of = {
        sigma: float(np.mean(features @ fit_head(features, labels, error)[0] + fit_head(features, labels, error)[1]))
        - float(np.mean(log_height))
        for sigma, error in errors.items()
    }
    assert bias_of[0.1] == pytest.approx(0.5, abs=0.05) and abs(bias_of[10.0]) < 0.05


def test_rows_are_read_back_and_a_wrong_one_is_named(tmp_path: Path):
    path = tmp_path / "views.jsonl"
    path.write_text('{"file": "a/1.jpg", "height_m": 2.0, "log_sigma": 0.3}\n')
    assert read_labels(path) == [ViewLabel("a/1.jpg", 2.0, 0.3)]
    path.write_text('{"file": "a/1.jpg"}\n')
    with pytest.raises(InputError, match="line 1: expected a row of file, height_m and log_sigma"):
        read_labels(path)


def test_a_stopped_run_resumes_and_a_second_one_only_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    photos, labels, out = tmp_path / "photos", tmp_path / "views.jsonl", tmp_path / "scale_prior.npz"
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EXAMPLE / "rgb.png", photos / name)
    asked = []

    def told(pipeline: object, path: Path, name: str) -> ViewLabel:
        asked.append(name)
        return ViewLabel(name, 2.0 if name < "b" else 0.0, 0.3 if name < "b" else None)

    monkeypatch.setattr(scale_prior, "_label", told)
    monkeypatch.setattr(scale_prior, "label_pipeline", lambda: None)
    labels.write_text('{"file": "a/1.png", "height_m": 3.0, "log_sigma": 0.3}\n')
    assert [one.height_m for one in label_photos(photos, labels)] == [3.0, 2.0, 0.0]
    assert asked == ["a/2.png", "b/3.png"] and len(read_labels(labels)) == 3
    monkeypatch.setattr(
        "sys.argv", ["-", "--photos", str(photos), "--labels", str(labels), "--out", str(out), "--renders", "0"]
    )
    main()
    assert len(asked) == 2
    both = labels.read_text()
    labels.write_text(labels.read_text().splitlines()[0] + "\n")
    monkeypatch.setattr("sys.argv", [*sys.argv, "--no-labelling"])
    main()
    assert len(asked) == 2 and SceneScalePrior(out).predict(
        load_photo(EXAMPLE / "rgb.png").rgb
    ).height_m == pytest.approx(3, rel=0.01)
    labels.write_text(both)
    main()
    height_m = SceneScalePrior(out).predict(load_photo(EXAMPLE / "rgb.png").rgb).height_m
    assert height_m == pytest.approx(np.sqrt(2 * 3), rel=0.01)


def test_renders_have_views_of_rooms_and_streets():
    features, log_height = scale_prior.look_at_renders(6)
    assert features.shape == (len(log_height), 1888) and len(log_height) >= 5
    assert 0.3 < np.exp(log_height).min() and np.exp(log_height).max() < 100
    assert np.ptp(log_height) > 0.3
