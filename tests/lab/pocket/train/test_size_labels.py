"""Things of known size label a photo; those that are cut, hidden or of an unlikely shape do not."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.errors import InputError
from mfh.landmarks.object_sizes import OBJECT_SIZES
from mfh_lab.pocket.train.size_labels import (
    KNOWN_SIZES,
    OTHER_SIZES,
    KnownBox,
    label_detections,
    label_photos,
    read_labels,
    size_labels,
    stands_on,
    write_labels,
)

_HEIGHT, _WIDTH = 288, 384


def _labels(*things: KnownBox):
    return size_labels(things, _HEIGHT, _WIDTH)


def test_a_whole_thing_says_how_many_pixels_a_metre_has():
    (one,) = _labels(KnownBox("person", (100, 100, 150, 269), 0.8))
    assert one.px_per_m == pytest.approx(169 / 1.69)
    assert one.log_sigma == pytest.approx(np.sqrt(0.10**2 + 0.03**2 + 2 / 169**2))
    (wide,) = _labels(KnownBox("keyboard", (100, 100, 188, 130), 0.8))
    assert wide.px_per_m == pytest.approx(200) and wide.place == "table"
    (mean,) = _labels(KnownBox("chair", (100, 100, 140, 190), 0.8))
    assert mean.px_per_m == pytest.approx(60 / 0.79) and mean.hidden == OBJECT_SIZES["chair"].far_share


def test_sizes_are_those_of_the_package_and_only_others_are_added():
    assert not OBJECT_SIZES.keys() & OTHER_SIZES.keys()
    assert {label: KNOWN_SIZES[label] for label in OBJECT_SIZES} == OBJECT_SIZES
    assert {stands_on(label) for label in KNOWN_SIZES} == {"floor", "table", "other"}


@pytest.mark.parametrize(
    "thing",
    [
        KnownBox("person", (100, 100, 150, 288), 0.8),  # feet outside the picture
        KnownBox("person", (0, 100, 50, 250), 0.8),  # perhaps half a person
        KnownBox("person", (100, 100, 220, 250), 0.8),  # sitting
        KnownBox("cup", (100, 100, 108, 109), 0.8),  # few pixels
        KnownBox("cup", (100, 100, 140, 150), 0.2),  # hardly seen
        KnownBox("sink", (0, 100, 200, 200), 0.8),  # its width is cut
        KnownBox("bed", (100, 150, 300, 288), 0.8),  # both sides are measured
        KnownBox("boat", (100, 100, 150, 250), 0.8),
    ],
)
def test_what_does_not_show_its_size_gives_no_label(thing: KnownBox):
    assert not _labels(thing)


def test_only_the_side_that_is_measured_must_be_whole():
    assert _labels(KnownBox("sink", (100, 150, 300, 288), 0.8))
    assert _labels(KnownBox("car", (0, 150, 100, 220), 0.8))


def test_what_is_behind_or_inside_another_gives_no_label():
    car = KnownBox("car", (100, 100, 220, 180), 0.8)
    behind = KnownBox("car", (120, 90, 200, 160), 0.8)
    assert [one.box_xyxy for one in _labels(car, behind)] == [car.box_xyxy]
    cup = KnownBox("cup", (120, 110, 140, 135), 0.8)
    assert len(_labels(cup, KnownBox("dining table", (0, 100, 384, 288), 0.8))) == 1
    assert not _labels(cup, KnownBox("bowl", (100, 100, 180, 140), 0.3))


class _OneBottle:
    def detect(self, photo):
        assert photo.dtype == np.float32 and photo.max() <= 1
        return [KnownBox("bottle", (20, 20, 40, 69), 0.9)] if photo.mean() > 0.5 else []


def test_labels_come_from_a_detector_or_a_file_and_are_read_as_written(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "light.png"), np.full((96, 96, 3), 200, np.uint8))
    cv2.imwrite(str(tmp_path / "dark.png"), np.zeros((96, 96, 3), np.uint8))
    found = list(label_photos(tmp_path, _OneBottle(), ["dark.png", "light.png"]))
    assert [one.file for one in found] == ["light.png"]
    assert write_labels(tmp_path / "labels.jsonl", found) == 1
    assert read_labels(tmp_path / "labels.jsonl") == found
    thing = {"label": "bottle", "box_xyxy": [20, 20, 40, 69], "score": 0.9}
    rows = [{"file": "light.png", "h": 96, "w": 96, "objects": [thing]}]
    (tmp_path / "boxes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(label_detections(tmp_path / "boxes.jsonl")) == found


@pytest.mark.parametrize(
    "text", ["", "{}\n", "[1]\n", "no json\n", '{"file": "a", "height": 1, "width": 1, "sizes": 3}\n']
)
def test_a_file_of_something_else_is_one_line(tmp_path: Path, text: str):
    (tmp_path / "labels.jsonl").write_text(text)
    with pytest.raises(InputError) as error:
        read_labels(tmp_path / "labels.jsonl")
    assert "\n" not in str(error.value)


def test_a_photo_that_is_none_is_named(tmp_path: Path):
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(InputError, match="a.jpg"):
        list(label_photos(tmp_path, _OneBottle(), ["a.jpg"]))
