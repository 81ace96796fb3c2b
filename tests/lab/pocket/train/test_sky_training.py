"""The sky decoder: its labels, the variants of a photo, and that it learns."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from mfh.errors import InputError  # noqa: E402
from mfh_lab.pocket.train.sky import UNKNOWN, look_at, read_labels, train, variants  # noqa: E402

LABELS = Path(__file__).parents[4] / "benchmarks" / "sky_training.tsv"


def test_the_labels_are_read_as_they_are_written(tmp_path: Path):
    table = tmp_path / "labels.tsv"
    table.write_text("a/1.png\t3x2 s2?1n3\nb/2.png\tnone\n")
    (first, sky), (second, nothing) = read_labels(table)
    assert (first, second, nothing) == ("a/1.png", "b/2.png", None)
    np.testing.assert_array_equal(sky, [[1, 1, UNKNOWN], [0, 0, 0]])
    for line in ("a/1.png\t3x2 s2?1n2", "a/1.png\t3x2 q6", "a/1.png", "a/1.png\t"):
        table.write_text(line)
        with pytest.raises(InputError, match="line 1: expected a file"):
            read_labels(table)


def test_the_labels_of_the_project_can_be_read():
    rows = read_labels(LABELS)
    assert len(rows) > 400 and len({file for file, _ in rows}) == len(rows)
    assert all(0.01 < (sky == 1).mean() < 0.99 for _, sky in rows if sky is not None)


def test_variants_keep_photo_and_label_together():
    """A photo whose red says where the sky is."""
    sky = np.zeros((60, 80), np.float32)
    sky[:25, 10:] = 1
    rgb = np.stack([sky, 0 * sky, 0 * sky], -1)
    seen = [one for seed in range(5) for one in variants(rgb, sky, np.random.default_rng(seed))]
    np.testing.assert_array_equal(seen[0][0], rgb)
    assert len({label.shape for _, label in seen}) > 3
    for other, label in seen:
        assert other.shape[:2] == label.shape and other.min() >= 0 and other.max() <= 1
        if (label == 1).any() and (label == 0).any():
            assert other[label == 1].mean() > other[label == 0].mean()


@pytest.mark.slow
def test_it_learns_from_a_few_photos(tmp_path: Path):
    rng = np.random.default_rng(0)
    lines = []
    for number in range(3):
        rgb = rng.integers(0, 90, (120, 160, 3), dtype=np.uint8)
        rgb[:50] = (120, 170, 240)
        Image.fromarray(rgb).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png\t16x12 s80n112")
    (tmp_path / "labels.tsv").write_text("\n".join(lines))
    torch.manual_seed(0)
    examples = look_at(tmp_path, tmp_path / "labels.tsv", rng)
    assert len(examples) == 9
    decoder = train(examples, epochs=20, rng=rng)
    with torch.inference_mode():
        log_odds = decoder(*(one.float() for one in examples[0].maps))[0]
    height = len(log_odds)
    assert (log_odds[: height // 3] > 0).all() and (log_odds[height // 2 :] < 0).all()
