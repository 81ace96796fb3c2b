"""Remembered answers are the models' answers, asked for once and paid for every time."""

import numpy as np

from mfh.types import Camera, PaintedPhoto, Person, RelativeDepth
from mfh_lab.evaluation.remember import Memory, RememberingPainter, RememberingPeople, RememberingRelativeDepth


class Counting:
    name = provenance = "counting"
    shape_log_sigma = shared_log_sigma = min_score = 0.0

    def __init__(self):
        self.asked = []

    def paint(self, photo, paint_masks, prompts, seeds):
        self.asked += seeds
        return [PaintedPhoto(photo + s, m, p, s) for m, p, s in zip(paint_masks, prompts, seeds, strict=True)]

    def predict(self, photos):
        self.asked.append(len(photos))
        return [RelativeDepth(rgb[..., 0], "disparity") for rgb in photos]

    def segment(self, photos, regions=None):
        self.asked.append(regions)
        mask = np.ones(photos[0].shape[:2], bool)
        return [[Person(np.array([0.0, 0, 4, 3]), mask, 1.0)] for _ in photos]

    def measure(self, photo, people, camera):
        self.asked.append("measure")
        return [None for _ in people]


def test_every_question_is_asked_once_and_charged_each_time():
    photo = np.random.default_rng(0).random((3, 4, 3)).astype(np.float32)
    masks = [np.eye(3, 4, dtype=bool), np.ones((3, 4), bool)]
    memory, painter, depth, people = Memory(), Counting(), Counting(), Counting()
    remembering = RememberingPainter(painter, memory)
    first = remembering.paint(photo, masks, ["a", "b"], [1, 2])
    again = remembering.paint(photo, masks[1:], ["b"], [2])
    assert painter.asked == [1, 2] and again[0] is first[1] and first[0].seed == 1
    assert memory.charged_s > memory.spent_s > 0
    assert remembering.paint(photo, masks[:1], ["b"], [2])[0] is not first[1], "another mask is another question"
    relative = RememberingRelativeDepth(depth, memory)
    np.testing.assert_array_equal(relative.predict([photo, photo + 1])[1].values, photo[..., 0] + 1)
    relative.predict([photo])
    assert depth.asked == [1, 1]
    finder = RememberingPeople(people, people, memory)
    for _ in range(2):
        (found,) = finder.segment([photo], [masks[0]])
        assert finder.measure(photo, found, Camera(5.0, 5.0, 1.5, 1.0, 4, 3)) == [None]
    finder.segment([photo])
    assert len(people.asked) == 3 and people.asked[1] == "measure"
