"""The models of a pipeline are given what they know of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from mfh.models.protocols import PersonBoxes
from mfh.pipeline.inference import Models
from mfh.types import Person
from tests.toy_world import OraclePeople, OracleRelativeDepth


@dataclass
class BoxReader(OraclePeople):
    searches_boxes: bool = True
    boxes: list[object] = field(default_factory=list)

    def segment(
        self,
        photos: Sequence[np.ndarray],
        regions: Sequence[np.ndarray | None] | None = None,
        boxes: Sequence[PersonBoxes | None] | None = None,
    ) -> list[list[Person]]:
        self.boxes.append(boxes)
        return super().segment(photos, regions)


PHOTO = np.zeros((60, 80, 3), np.float32)
BOXES = [[(0.0, 0.0, 20.0, 30.0)]]


@pytest.mark.parametrize(("searches_boxes", "given"), [(True, BOXES), (False, None)])
def test_boxes_are_given_to_a_finder_that_searches_them(searches_boxes: bool, given: object):
    finder = BoxReader(searches_boxes=searches_boxes)
    Models(OracleRelativeDepth(), finder, finder).find_people([PHOTO], boxes=BOXES)
    assert finder.boxes == [given]


def test_a_finder_that_knows_no_boxes_is_given_none():
    finder = OraclePeople()
    models = Models(OracleRelativeDepth(), finder, finder)
    assert models.find_people([PHOTO], boxes=BOXES) == models.find_people([PHOTO])
