"""The object detector: its decoding against plain twins, and the real network where its file has been fetched."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.models.objects import nanodet
from mfh.models.objects.nanodet import COCO_CLASSES, NanoDetObjects, decoded_boxes, in_photo, without_overlaps
from mfh.models.protocols import ObjectDetector
from mfh.models.registry import load_models, load_optional
from mfh.weights import store as weights
from tests.photos import ROOM


@pytest.fixture(scope="module")
def detector() -> NanoDetObjects:
    if not weights.installed("nanodet"):
        pytest.skip("NanoDet files are not here: run 'mfh weights fetch nanodet'")
    return NanoDetObjects()


def test_the_classes_are_cocos():
    assert len(COCO_CLASSES) == len(set(COCO_CLASSES)) == 80
    # Places in COCO's list without the eleven categories that it never used.
    for index, name in {
        0: "person",
        2: "car",
        39: "bottle",
        56: "chair",
        57: "couch",
        62: "tv",
        79: "toothbrush",
    }.items():
        assert COCO_CLASSES[index] == name


def test_a_photo_becomes_bgr_normalized_with_channels_first():
    photo = np.zeros((30, 50, 3), np.float32)
    photo[..., 0], photo[..., 1] = 1.0, 0.5
    given = nanodet.network_input(photo)
    expected = [(0 - 103.53) / 57.375, (127.5 - 116.28) / 57.12, (255 - 123.675) / 58.395]
    np.testing.assert_allclose(given, np.broadcast_to(np.reshape(expected, (1, 3, 1, 1)), given.shape), atol=1e-4)


def test_boxes_are_decoded_as_by_a_loop_over_cells():
    random = np.random.default_rng(0)
    cells = random.choice(52 * 52 + 26 * 26 + 13 * 13, 200, replace=False)
    logits = random.normal(size=(200, 44)).astype(np.float32) * 3
    for box, cell, one in zip(decoded_boxes(logits, cells), cells, logits, strict=True):
        stride, index = 8, int(cell)
        while index >= (416 // stride) ** 2:
            index -= (416 // stride) ** 2
            stride *= 2
        row, column = divmod(index, 416 // stride)
        reach = []
        for side in one.reshape(4, 11):
            chance = np.exp(side) / np.exp(side).sum()
            reach.append(stride * sum(k * chance[k] for k in range(11)))
        x, y = (column + 0.5) * stride, (row + 0.5) * stride
        np.testing.assert_allclose(box, [x - reach[0], y - reach[1], x + reach[2], y + reach[3]], rtol=1e-5)


def test_boxes_of_the_input_are_boxes_of_the_photo():
    boxes = np.array([[0.0, 0.0, 416.0, 416.0], [-50.0, 104.0, 208.0, 500.0]])
    np.testing.assert_allclose(in_photo(boxes, 200, 100), [[-0.5, -0.5, 99.5, 199.5], [-0.5, 49.5, 49.5, 199.5]])


def test_overlaps_are_left_out_as_by_opencv():
    random = np.random.default_rng(1)
    corner, size = random.uniform(0, 60, (300, 2)), random.uniform(10, 60, (300, 2))
    boxes, scores, labels = np.concatenate([corner, corner + size], 1), random.random(300), random.integers(0, 4, 300)
    # Its boxes are whole or decimal numbers of left, top, width and height.
    there = cv2.dnn.NMSBoxesBatched(
        np.concatenate([corner, size], 1).tolist(), scores.tolist(), labels.tolist(), 0.0, nanodet.MAX_OVERLAP
    )
    kept = without_overlaps(boxes, scores, labels)
    assert sorted(kept) == sorted(int(k) for k in there)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    assert without_overlaps(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)) == []


def test_missing_files_name_the_command_and_are_a_value_for_the_pipeline(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="NanoDet files are not here: run 'mfh weights fetch nanodet'"):
        NanoDetObjects()
    model, reason = load_optional("object_detector", "nanodet")
    assert model is None and reason.startswith("NanoDet files are not here") and "\n" not in reason


def test_people_and_furniture_of_the_example_are_found(detector: NanoDetObjects):
    assert isinstance(detector, ObjectDetector) and detector.name == "nanodet"
    found = detector.detect(ROOM.rgb)
    height, width = ROOM.rgb.shape[:2]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        left, top, right, bottom = one.box_xyxy
        assert one.label in COCO_CLASSES and detector.min_score <= one.score <= 1 and one.mask is None
        assert -0.5 <= left < right <= width - 0.5 and -0.5 <= top < bottom <= height - 0.5
    people = [one for one in found if one.label == "person"]
    assert len(people) == 2 and "chair" in {one.label for one in found}
    for hip, one in zip(ROOM.hips_px, sorted(people, key=lambda one: one.box_xyxy), strict=True):
        assert one.box_xyxy[0] < hip < one.box_xyxy[2]


def test_the_same_photo_gives_the_same_objects_and_its_mirror_image_the_mirrored_ones(detector: NanoDetObjects):
    first, again = (
        detector.detect(ROOM.rgb),
        load_models({"object_detector": "nanodet"})["object_detector"].detect(ROOM.rgb),
    )
    assert first == again
    width = ROOM.rgb.shape[1]
    mirrored = [one for one in detector.detect(np.ascontiguousarray(ROOM.rgb[:, ::-1])) if one.label == "person"]
    people = sorted(one.box_xyxy for one in first if one.label == "person")
    back = sorted((width - 1 - r, t, width - 1 - l_, b) for l_, t, r, b in (one.box_xyxy for one in mirrored))
    np.testing.assert_allclose(back, people, atol=25)


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (900, 3), (417, 415)])
def test_any_size_of_photo_has_objects_or_none(detector: NanoDetObjects, shape):
    photo = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    for one in detector.detect(photo):
        assert one.box_xyxy[2] <= shape[1] - 0.5 and one.box_xyxy[3] <= shape[0] - 0.5
