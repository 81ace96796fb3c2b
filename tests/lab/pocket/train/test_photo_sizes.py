"""The sizes in real photos: labels move with the cut, the loss prefers the truth and forgives what is hidden."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mfh.models.painters.person_prior import PersonPrior  # noqa: E402
from mfh_lab.pocket.train.augment import Window  # noqa: E402
from mfh_lab.pocket.train.network import COMPONENTS, PainterNetwork  # noqa: E402
from mfh_lab.pocket.train.painter import PainterTask, Room  # noqa: E402
from mfh_lab.pocket.train.photo_sizes import (  # noqa: E402
    CHANNELS,
    FIXED_BLOCKS,
    PhotoSizeTask,
    RealPhoto,
    cut_box,
    draw_cut,
    draw_labels,
    draw_photo,
    fine_schedule,
    load_photos,
    size_loss,
)
from mfh_lab.pocket.train.size_labels import LabelledPhoto, SizeLabel  # noqa: E402
from mfh_lab.pocket.train.training import Schedule  # noqa: E402

_PERSON = SizeLabel("person", (100.0, 96.0, 140.0, 192.0), 57.6, 0.1, 0.1, "floor")
_CUP = SizeLabel("cup", (240.0, 120.0, 280.0, 168.0), 288.0, 0.15, 0.15, "table")


def _photo(*sizes: SizeLabel) -> RealPhoto:
    rgb = np.random.default_rng(0).integers(0, 255, (288, 384, 3)).astype(np.uint8)
    return RealPhoto(rgb, sizes, (1.0,) * len(sizes), np.full((36, 48), 0.25, np.float32))


def test_labels_lie_under_the_thing_and_follow_the_cut():
    maps = draw_labels(_photo(_PERSON), Window(0, 0, 384, 288, False), (192, 144))
    assert maps.shape == (CHANNELS, 36, 48)
    own = maps[4] == 0
    own &= np.isfinite(maps[0])
    rows, columns = np.nonzero(own)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (18, 24, 12, 17)
    np.testing.assert_allclose(maps[0][own], math.log(57.6 / 288), rtol=1e-6)
    assert maps[3][own].sum() == pytest.approx(1)
    # A metre is twice as large a part of a cut of half the height; mirrored columns are counted from the right.
    half = draw_labels(_photo(_PERSON), Window(0, 72, 192, 144, True), (192, 144))
    own = np.isfinite(half[0]) & (half[4] == 0)
    np.testing.assert_allclose(half[0][own], math.log(2 * 57.6 / 288), rtol=1e-6)
    assert np.nonzero(own)[1].min() == (192 - 140) // 4


def test_places_of_the_painter_before_follow_the_cut():
    photo = _photo(_PERSON)
    photo.places[:, :24] = 0.75
    maps = draw_labels(photo, Window(0, 0, 192, 144, True), (192, 144))
    np.testing.assert_allclose(maps[5][:, 2:], 0.75)
    whole = draw_labels(photo, Window(0, 0, 384, 288, False), (192, 144))
    np.testing.assert_allclose(whole[5][:, [0, -1]], [[0.75, 0.25]] * 36)


def test_things_on_a_table_say_a_little_of_the_whole_picture():
    maps = draw_labels(_photo(_CUP), Window(0, 0, 384, 288, False), (192, 144))
    assert np.isfinite(maps[0][18:]).all() and np.isnan(maps[0][:15]).all()
    assert maps[1][35, 0] > maps[1][21, 0] > maps[1][20, 32] and not maps[4].any()


def test_cuts_are_inside_and_show_the_thing():
    photo = _photo(_PERSON, _CUP)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        for size in ((192, 144), (144, 192), (288, 96)):
            for one in photo.sizes:
                window = draw_cut((288, 384), size, one.box_xyxy, rng)
                assert window.x >= 0 and window.y >= 0
                assert window.x + window.width <= 384 and window.y + window.height <= 288
                left, top, right, bottom = cut_box(one.box_xyxy, window, size)
                assert left < size[0] and right > 0 and top < size[1] and bottom > 0


def test_samples_are_seeded():
    first, same = (draw_photo(_photo(_PERSON, _CUP), (192, 144), np.random.default_rng(3)) for _ in range(2))
    for one, other in zip(first, same, strict=True):
        np.testing.assert_array_equal(one, other)
    assert first[1].shape == (144, 192) and set(np.unique(first[1])) == {0, 1}


def _maps(mean: float, log_sigma: float = -2.0):
    flat = torch.zeros(1, COMPONENTS, 2, 2)
    return torch.full((1, 2, 2), 3.0), flat - math.log(COMPONENTS), flat + mean, flat + log_sigma


def _label(value: float, *, hidden: float = 0.15, only_floor: float = 0.0):
    labels = torch.zeros(1, CHANNELS, 2, 2)
    labels[:, 0], labels[:, 1], labels[:, 2], labels[:, 3], labels[:, 4] = value, 0.1, hidden, 1.0, only_floor
    return labels


def test_loss_prefers_the_truth_and_forgives_things_that_look_small():
    right = size_loss(_maps(-1.0), _label(-1.0))
    too_small, too_large = (size_loss(_maps(-1.0), _label(-1.0 + gap)) for gap in (-0.5, 0.5))
    assert right < too_small < too_large
    # One that is wrong altogether has a bounded loss, and no gradient to speak of.
    assert size_loss(_maps(-1.0), _label(3.0)) < -math.log(0.04 / 5) + 0.01
    # A metre where nothing is known costs nothing.
    unknown = _label(math.nan)
    assert size_loss(_maps(-1.0), unknown) == 0


def test_likelihood_of_a_label_is_one_over_its_range():
    x = torch.linspace(-6, 4, 4001)
    values = torch.stack([-size_loss(_maps(-1.0), _label(float(v))) for v in x[::10]])
    wrong = 0.04 / 5 * 10
    assert torch.trapezoid(values.exp(), x[::10]).item() == pytest.approx(0.96 + wrong, abs=2e-3)


def test_rows_count_only_where_people_could_stand():
    stand, *mixture = _maps(-1.0)
    assert size_loss((stand, *mixture), _label(-0.5, only_floor=1.0)) > 0
    assert size_loss((-stand, *mixture), _label(-0.5, only_floor=1.0)) == 0


def test_rare_classes_weigh_more(tmp_path):
    import cv2

    for name in "abcd":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((288, 384, 3), np.uint8))
    labelled = [LabelledPhoto(f"{name}.png", 288, 384, (_PERSON,)) for name in "abc"]
    labelled += [LabelledPhoto("d.png", 288, 384, (_PERSON, _CUP))]
    weights = [photo.weights for photo in load_photos(tmp_path, labelled, PersonPrior())]
    assert weights == [(0.5,), (0.5,), (0.5,), (0.5, 1.0)]
    places = load_photos(tmp_path, labelled[:1], PersonPrior())[0].places
    assert places.ndim == 2 and places.min() >= 0 and places.max() <= 1


def test_half_of_a_batch_are_photos_and_the_loss_has_a_gradient(monkeypatch):
    free = np.zeros((4, 168, 224), bool)
    free[:, 100:] = True
    rgb = np.random.default_rng(0).integers(0, 255, (4, 168, 224, 3)).astype(np.uint8)
    rooms = {(168, 224): Room(rgb, free, np.tile(np.array([0.02, 0.9, -40.0]), (4, 1)))}
    task = PhotoSizeTask(PainterTask(rooms), (_photo(_PERSON), _photo(_CUP)), np.array([0.5, 0.5]))
    schedule = fine_schedule(Schedule(steps=2, batch=4))
    assert schedule.batch == 4 and schedule.keep < Schedule(1).keep
    batch = task.batch(schedule, 0, 0)
    assert batch[0].shape[0] == batch[1].shape[0] == 4 and batch[2].shape[0] == batch[4].shape[0] == 2
    network = PainterNetwork()
    loss = task.loss(network, batch)
    loss.backward()
    assert torch.isfinite(loss) and network.head.weight.grad is not None
    monkeypatch.setattr(PainterTask, "network", lambda self, start: PainterNetwork())
    fixed = task.network(None).encoder
    assert not any(one.requires_grad for one in fixed._blocks[:FIXED_BLOCKS].parameters())
    assert all(one.requires_grad for one in fixed._blocks[FIXED_BLOCKS:].parameters())
